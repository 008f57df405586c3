"""Preset files: where the library stands, how a name is found, what a file says."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError, did_you_mean
from synthcli.presets.grid import GRID, grid_cells
from synthcli.presets.old_names import preset_now
from synthcli.safe_read import parse_toml, read_bytes

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # a preset's name becomes a folder's

NOISE = "noise"  # the folder of what repeated runs of presets vary by
CLAIMS = "claims.toml"  # beside the presets of a paper: what it says of them
LARGEST = 2**20  # bytes of a preset


def library_folder() -> Path:
    """Return the folder of presets: inside the package when installed, else `presets/` of the checkout."""
    inside = Path(__file__).parent / "library"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "presets"


@cache
def library_files() -> Mapping[str, Path]:
    """Return where every preset of the library stands, by name, families included: its file.

    A preset of a grid has none; its path is where it would stand; `describe_origin` says which family makes
    it.
    """
    files = {path.stem: path for path in files_on_disk()}
    made = {path.stem: path for path in _grid_presets()}
    return dict(sorted((files | made).items(), key=lambda item: (item[1].parent, item[0])))


@cache
def files_on_disk() -> tuple[Path, ...]:
    """Return the files of presets, not those of noise floors and claims."""
    files = sorted(library_folder().glob("*/*.toml"))
    return tuple(path for path in files if path.parent.name != NOISE and path.name != CLAIMS)


@cache
def _grid_presets() -> Mapping[Path, tuple[Path, dict[str, object]]]:
    """Return the presets of all grids by their path: the family's file, and their tables."""
    found = {}
    for path in files_on_disk():
        if b"[grid]" in path.read_bytes():
            for name, table in grid_cells(path.stem, read_toml(path)[GRID]):
                found[path.with_name(f"{name}.toml")] = (path, table)
    return found


def describe_origin(path: Path) -> str:
    """Return where a preset is said: its file, or the grid of its family's."""
    return f"grid of {_grid_presets()[path][0].name}" if path in _grid_presets() else path.name


def is_of_library(path: Path) -> bool:
    """Whether a preset is one of the library's."""
    return library_files().get(path.stem) == path


def preset_names() -> list[str]:
    """Return the names of the presets that can be trained, without the families they extend."""
    return [name for name, path in library_files().items() if not read_preset(path).get("abstract", False)]


def find_preset(word: str) -> Path:
    """Return the file of a preset: a path that ends in `.toml`, or a name of the library."""
    path = find_preset_file(word)
    if read_preset(path).get("abstract", False):
        family = [name for name in preset_names() if name.startswith(path.stem)] or preset_names()
        raise SynthError(f"`{word}` is a family of presets, not a preset", did_you_mean(word, family))
    return path


def find_preset_file(word: str, beside: Path | None = None) -> Path:
    """Return the file `word` names, families included; a relative path starts at the folder `beside`."""
    if word.endswith(".toml"):
        path = (beside or Path()) / word
        if not path.is_file():
            raise SynthError(
                f"no preset file `{path}`", "give the path of a TOML file, or the name of a preset"
            )
        return path
    found = library_files().get(preset_now(word))
    if found is None:
        raise SynthError(f"no preset is called `{word}`", _suggest_preset(word, beside or Path()))
    return found


def read_preset(path: Path) -> dict[str, object]:
    """Return the tables of a preset file; one of the library is read once, however many extend it."""
    return dict(_read_once(path)) if is_of_library(path) else read_toml(path)


@cache
def _read_once(path: Path) -> dict[str, object]:
    return _grid_presets()[path][1] if path in _grid_presets() else read_toml(path)


def _suggest_preset(word: str, beside: Path) -> str:
    """Return what to write in place of a name that no preset has."""
    if (beside / f"{word}.toml").is_file():
        return f"did you mean `{word}.toml`?"
    nearest = did_you_mean(word, preset_names())
    return nearest if nearest.startswith("did") else "list them with `synth presets ls`"


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; a mistake names the file and the line."""
    try:
        return dict(parse_preset(read_bytes(path, LARGEST)))
    except OSError as error:
        raise SynthError(f"cannot read `{path}`: {str(error.strerror).lower()}", "check the path") from None
    except UnicodeDecodeError as error:
        message = f"`{path}` is not UTF-8 at byte {error.start}"
        raise SynthError(message, "save the file as UTF-8") from None
    except ValueError as error:  # of tomllib, or of a number of thousands of digits
        raise SynthError(*syntax_error(path, str(error))) from None


@cache
def parse_preset(text: bytes) -> dict[str, Any]:
    """Parse a text once: a family is read again for each of its presets. Nobody changes the tables."""
    return parse_toml(text.decode())


def syntax_error(path: Path, text: str) -> tuple[str, str]:
    """Return message and hint for what tomllib says: `… (at line 3, column 5)`."""
    where = re.search(r" \(at line (\d+), column (\d+)\)$", text)
    what = text[: where.start()] if where else text
    line = f":{where[1]}:{where[2]}" if where else ""
    return (
        f"`{path}{line}` is not TOML: {what[0].lower()}{what[1:]}",
        "correct that line; see https://toml.io",
    )
