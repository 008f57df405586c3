"""The files a user names: one, a folder, or a pattern such as `notes/**/*.txt`."""

import glob
from collections.abc import Collection, Sequence
from pathlib import Path

from synthcli.data.corpora.find_files import find_files, lacks_error
from synthcli.errors import SynthError

LICENCE = "the licence of what you bring"
URL = "your own files"


def find_own_files(root: Path, corpus: str, layout: str, endings: Sequence[str]) -> tuple[Path, list[Path]]:
    """Return the folder that names are relative to, and the files below it in order.

    In a folder, those that end as given, plain or .gz.
    """
    if root.is_file():
        return root.parent, [root]
    if root.is_dir():
        files = sorted({path for ending in endings for path in list_files(root, f"**/*{ending}")})
        if not files:
            raise lacks_error(root, [f"`*{ending}`" for ending in endings], corpus, layout)
        return root, files
    base, pattern = split_pattern(root)
    files = list_files(base, pattern) if pattern else []
    if not files:
        raise lack_error(root, layout)
    return base, files


def list_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files that match, plain or .gz, and none of those in hidden folders or hidden themselves."""
    present = {path for path in (*find_files(folder, pattern), *folder.glob(pattern)) if path.is_file()}
    return [
        path
        for path in sorted(present)
        if not _is_packed_twin(path, present) and not _is_hidden(path, folder)
    ]


def _is_packed_twin(path: Path, files: Collection[Path]) -> bool:
    """Whether a file stands both plain and packed, and this is the packed one."""
    return path.suffix == ".gz" and path.with_suffix("") in files


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def split_pattern(path: Path) -> tuple[Path, str]:
    """Return the folder before the first part that is a pattern, and the pattern; none: an empty one."""
    parts = path.parts
    first = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:first]), "/".join(parts[first:])


def lack_error(root: Path, layout: str) -> SynthError:
    what = "matches no file" if split_pattern(root)[1] else "does not exist"
    return SynthError(f"the source `{root}` {what}", f"expected {layout}")
