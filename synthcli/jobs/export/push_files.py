"""Which files of a folder `synth push` sends: those whose kind is known and whose content is of that kind.

Everything else stays at home, and is named with the reason: pickles whatever their names end in, links that
lead out, hidden files, and whatever a model does not need to be loaded, such as keys.
"""

import os
import pickletools
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.safe_read import LARGEST, inside, parse_json, read_bytes
from synthcli.variables import is_text

CARD, PARITY = "README.md", "PARITY.json"
EVAL_RESULTS = ".eval_results"  # hidden, and read by the hub
CACHES = ("__pycache__",)
WEIGHTS = (".safetensors", ".onnx", ".pt2")
PICKLE, ZIP = 0x80, b"PK\x03\x04"
PROTOCOLS = range(1, 6)
LONGEST_HEADER = 10**8  # bytes, as the safetensors library has it
# what tokens and private keys look like: Hugging Face, GitHub, OpenAI, AWS, Slack, PEM
SECRET = re.compile(
    rb"\b(?:hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{36,}|sk-[A-Za-z0-9_-]{32,}|AKIA[0-9A-Z]{16}"
    rb"|xox[abprs]-[A-Za-z0-9-]{10,})\b|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


@dataclass(frozen=True)
class PushFile:
    name: str
    bytes: int


@dataclass(frozen=True)
class LeftOut:
    """What is not sent; `name` ends in a slash where all of a folder stays."""

    name: str
    why: str


class NotOfItsKindError(Exception):
    """A file is not what its name says; the message says what it is."""


def sort_out(folder: Path) -> tuple[tuple[PushFile, ...], tuple[LeftOut, ...]]:
    """Return the files of a folder to send, and those to leave, both by name."""
    files: list[PushFile] = []
    left: list[LeftOut] = []
    for path in walk(folder, left):
        name = path.relative_to(folder).as_posix()
        try:
            check(path, folder)
        except NotOfItsKindError as error:
            left.append(LeftOut(name, str(error)))
        else:
            files.append(PushFile(name, path.stat().st_size))
    by_name = sorted(files, key=lambda file: file.name), sorted(left, key=lambda one: one.name)
    return tuple(by_name[0]), tuple(by_name[1])


def walk(folder: Path, left: list[LeftOut]) -> Iterator[Path]:
    """Yield what is in a folder and in those below, none of them hidden, a cache or a link, save results."""
    for place, names, here in os.walk(folder):
        for name in sorted(names):
            path = Path(place) / name
            is_hidden = name.startswith(".") and path != folder / EVAL_RESULTS
            if path.is_symlink() or is_hidden or name in CACHES:
                why = "a link to a folder" if path.is_symlink() else "hidden, or a cache"
                left.append(LeftOut(f"{path.relative_to(folder).as_posix()}/", why))
                names.remove(name)
        yield from (Path(place) / name for name in here)


def check(path: Path, folder: Path) -> None:
    """Raise where a file must stay."""
    if not is_text(path.name):
        raise NotOfItsKindError("its name is not UTF-8")
    if path.name.startswith("."):
        raise NotOfItsKindError("hidden")
    try:
        inside(path, folder)
        mode = path.stat().st_mode
    except SynthError:
        raise NotOfItsKindError("a link that leads out of the folder") from None
    except OSError:
        raise NotOfItsKindError("a link to nowhere") from None
    if not stat.S_ISREG(mode):
        raise NotOfItsKindError("no plain file")
    is_result = path.parent == folder / EVAL_RESULTS
    known = {"*.yaml": check_text} if is_result else KINDS
    kinds = [kind for pattern, kind in known.items() if fnmatch(path.name, pattern)]
    try:
        refuse_pickle(path)
        if not kinds:
            raise NotOfItsKindError("of no kind that a model's folder needs")
        kinds[0](path)
    except (OSError, ValueError, SynthError, struct.error, zipfile.BadZipFile) as error:
        raise NotOfItsKindError("not what its name says") from error


def refuse_pickle(path: Path) -> None:
    """Refuse a pickle by what it holds: alone, or in an archive as `torch.save` writes it."""
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(0, path.stat().st_size - 1))
        end = stream.read(1)
    is_archive = start == ZIP or (zipfile.is_zipfile(path) and not start.startswith(b"\x08"))
    if is_archive and path.suffix != ".pt2":
        raise NotOfItsKindError("an archive, which may hold a pickle")
    if len(start) > 1 and start[0] == PICKLE and start[1] in PROTOCOLS:
        raise NotOfItsKindError("a pickle, which can run any code")
    if end == b"." and path.stat().st_size <= LARGEST and is_old_pickle(path):
        raise NotOfItsKindError("a pickle, which can run any code")


def is_old_pickle(path: Path) -> bool:
    """Whether a text that ends in a point is a pickle of protocol 0, which has no mark of its own."""
    last = None
    try:
        for operation, _, _ in pickletools.genops(path.read_bytes()):
            last = operation.name
    except Exception:  # as many errors as there are operations
        return False
    return last == "STOP"


def check_text(path: Path) -> None:
    """Raise for what is no text in UTF-8, or holds what looks like a key."""
    data = read_bytes(path)
    data.decode()
    if b"\0" in data:
        raise ValueError("a NUL byte")
    if SECRET.search(data):
        raise NotOfItsKindError("it holds what looks like a key or a token")


def check_json(path: Path) -> None:
    check_text(path)
    parse_json(read_bytes(path))


def check_card(path: Path) -> None:
    check_text(path)


def check_safetensors(path: Path) -> None:
    """Raise where the header is no table of tensors that fill the file."""
    with path.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > min(LONGEST_HEADER, path.stat().st_size - 8):
            raise ValueError("a header longer than the file")
        header = parse_json(stream.read(length))
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    ends = [entry["data_offsets"][1] for entry in tensors if isinstance(entry, dict)]
    if len(ends) < len(tensors) or max(ends, default=0) != path.stat().st_size - 8 - length:
        raise ValueError("tensors that do not fill the file")


def check_onnx(path: Path) -> None:
    """Raise where a file does not begin as a model of ONNX does, with the version of its format."""
    with path.open("rb") as stream:
        if stream.read(1) != b"\x08":
            raise ValueError("no model of ONNX")


def check_onnx_data(path: Path) -> None:
    """Raise for numbers without the model that they belong to: `NAME.onnx.data` without `NAME.onnx`."""
    if not path.with_suffix("").is_file():
        raise ValueError("no model beside it")


def check_program(path: Path) -> None:
    """Raise where a program of torch.export holds a pickle: of its sample inputs, constants or weights."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if not any(name.endswith("archive_format") for name in names):
            raise ValueError("no program of torch.export")
        for member in archive.infolist():
            with archive.open(member) as stream:
                start = stream.read(2)
            is_pickle = len(start) > 1 and start[0] == PICKLE and start[1] in PROTOCOLS
            if (member.filename.endswith((".pkl", ".pt")) and member.file_size) or start == ZIP[:2]:
                raise NotOfItsKindError("a program with a pickle in it, of its sample inputs perhaps")
            if is_pickle and "/weights/weight_" not in member.filename:
                raise NotOfItsKindError("a program with a pickle in it")
            if member.filename.endswith("_config.json") and b'"use_pickle": true' in archive.read(member):
                raise NotOfItsKindError("a program whose tensors are pickles")


KINDS: dict[str, Callable[[Path], None]] = {
    CARD: check_card,
    "LICENSE*": check_text,
    "NOTICE*": check_text,
    **dict.fromkeys(
        (
            *("config.json", "generation_config.json", PARITY, "interface.json", "manifest.json"),
            *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
            *("vocab.json", "encoder.json", "special-ids.json", "tokenizer.synth.json"),
            "*.safetensors.index.json",
        ),
        check_json,
    ),
    **dict.fromkeys(("vocab.txt", "merges.txt", "vocab.bpe"), check_text),
    **dict.fromkeys(("modeling_synth.py", "configuration_synth.py"), check_text),
    **dict.fromkeys(("tokenizer.model", "spiece.model"), lambda path: None),
    "*.safetensors": check_safetensors,
    "*.onnx": check_onnx,
    "*.onnx.data": check_onnx_data,
    "*.pt2": check_program,
}
