"""`manifest.json` of a checkpoint: what files it has, so that a damaged one is noticed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field, ValidationError
from safetensors import SafetensorError

import synthcli
from synthcli.config import Config
from synthcli.errors import SynthError
from synthcli.safe_read import inside, read_json

FORMAT = 1
MANIFEST = "manifest.json"
STEP, LAST = "step-", "last"
DAMAGED = "it is damaged: delete it and use another checkpoint of the run"


class ManifestFile(Config):
    sha256: str
    bytes: int


class Manifest(Config):
    """`validation_loss` is that of the checkpoint's own step, where there was one."""

    format: int = FORMAT
    synth: str = synthcli.__version__
    step: int = Field(ge=0)
    validation_loss: float | None = None
    files: dict[str, ManifestFile]


def write_manifest(folder: Path, step: int, validation_loss: float | None) -> None:
    """List every file of a finished folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {str(path.relative_to(folder)): file_of(path) for path in paths}
    manifest = Manifest(step=step, validation_loss=validation_loss, files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n")


def read_checkpoint_manifest(folder: Path) -> Manifest:
    """Return a folder's manifest; without one it is no checkpoint."""
    path = folder / MANIFEST
    if not path.is_file():
        hint = "name a run, its `checkpoints` folder or a `step-…` folder in it"
        raise SynthError(f"`{folder}` is not a checkpoint: it has no `{MANIFEST}`", hint)
    try:
        table = read_json(inside(path, folder))
        if isinstance(table, dict) and table.get("format") != FORMAT:
            message = f"checkpoint `{folder}` has the format {table.get('format')}, known is {FORMAT}"
            raise SynthError(message, "use the version of `synth` that wrote it, or a newer one")
        manifest = Manifest.model_validate(table)
    except (ValueError, ValidationError, OSError) as error:
        raise SynthError(f"`{path}` is not a manifest", DAMAGED) from error
    if outside := [name for name in manifest.files if not is_within(name)]:
        raise SynthError(f"`{path}` names the file `{outside[0]}` outside its folder", DAMAGED)
    return manifest


def is_within(name: str) -> bool:
    """Whether a relative path stays in the folder it starts from."""
    path = Path(name)
    return "\0" not in name and not path.is_absolute() and ".." not in path.parts


def verify(folder: Path, files: dict[str, ManifestFile]) -> None:
    """Compare files with the manifest."""
    for name, expected in files.items():
        path, where = inside(folder / name, folder), f"`{name}` of checkpoint `{folder}`"
        if not path.is_file():
            raise SynthError(f"{where} is missing", DAMAGED)
        if (size := path.stat().st_size) != expected.bytes:
            raise SynthError(f"{where} has {size} bytes, its manifest says {expected.bytes}", DAMAGED)
        if file_of(path).sha256 != expected.sha256:
            raise SynthError(f"the sha256 of {where} is not that of its manifest", DAMAGED)


def file_of(path: Path) -> ManifestFile:
    with path.open("rb") as file:
        return ManifestFile(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)


@contextmanager
def name_checkpoint_damage(folder: Path) -> Iterator[None]:
    """Turn files that match their manifest, and are not what a training wrote, into one message."""
    try:
        yield
    except (
        SafetensorError,
        OSError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise SynthError(f"`{folder}` holds no state that a training can go on with", DAMAGED) from error


def step_folders(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest last; of a copy that kept no other it is `last`."""
    steps = sorted(folder.glob(f"{STEP}*"))
    return steps or [path for path in (folder / LAST,) if is_copy(path)]


def is_copy(path: Path) -> bool:
    """Whether what is a link in a run became a folder of its own, as `cp -L` makes of it."""
    return not path.is_symlink() and (path / MANIFEST).is_file()
