"""Corpora of Wikipedia that are one file of 10^8 bytes, cut into splits by its length.

The first 90 per cent are train, the next 5 validation, the last 5 test (Mikolov et al. 2012).
"""

import gzip
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from synthcli.data.corpora.find_files import find_corpus_file, lacks_error
from synthcli.data.corpora.source import SPLITS, Folder, Row, SplitFiles
from synthcli.errors import SynthError
from synthcli.safe_read import refuse_irregular

URL = "http://mattmahoney.net/dc/textdata.html"
SIZE = 100_000_000
SHARE = 20  # one part of so many is validation, one is test
LARGEST = 2**28  # bytes that are read: memory is bounded
# What damaged archives raise: `zipfile` has a word for each way in which it does not know one.
DAMAGED = (
    *(EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, BadZipFile),
    *(NotImplementedError, RuntimeError, ValueError, struct.error),
)


def read_content(path: Path, name: str) -> bytes:
    """Return the bytes of the file, unpacked; of an archive, those of the file called `name`."""
    refuse_irregular(path)
    try:
        if path.suffix == ".zip":
            return _unzip(path, name)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except DAMAGED as error:
        reason = str(error).lower()
        raise SynthError(f"`{path}` is truncated or damaged: {reason}", "fetch it again") from error
    except OSError as error:
        raise SynthError(f"cannot read `{path}`: {error.strerror}", "check the file's permissions") from error
    if len(data) > LARGEST:
        raise SynthError(
            f"`{path}` holds more than {LARGEST // 2**20} MiB, and `{name}` 10^8 bytes",
            "name the file you mean",
        )
    return data


def _unzip(path: Path, name: str) -> bytes:
    """Return the one file of an archive, or the one of a name among several."""
    with ZipFile(path) as archive:
        names = [held for held in archive.namelist() if not held.endswith("/")]
        chosen = [held for held in names if Path(held).name == name] if len(names) > 1 else names
        if len(chosen) == 1:
            with archive.open(chosen[0]) as stream:
                return stream.read(LARGEST + 1)
    held = ", ".join(f"`{one}`" for one in names) or "no file"
    raise SynthError(f"`{path}` holds {held}, expected `{name}`", "unpack it and name the file you mean")


def describe_layout(name: str, unit: str) -> str:
    return f"`{name}`, plain, .gz or .zip, from {URL}; a file of another size is cut 90/5/5 by {unit}"


Read = Callable[[Path], bytes]
Rows = Callable[..., Iterator[Row]]
"""Called with files, and the name of a split as `split`."""


def open_single_file(root: Path, name: str, unit: str, read: Read, rows: Rows) -> Folder:
    """Return the file of a corpus, and its splits; `unit` is what its length is counted in."""
    expected = describe_layout(name, unit)
    path = root if root.is_file() else find_corpus_file(root, [name, f"{name}.zip", f"{name}*"])
    if path is None:
        raise lacks_error(root, f"`{name}`", name, expected)
    size = len(read(path))
    if size < SHARE:
        raise SynthError(f"`{path}` has {size} bytes: too few to cut three splits", f"expected {expected}")
    parts = {split: SplitFiles((path,), partial(rows, split=split)) for split in SPLITS}
    if size == SIZE:
        return Folder(root, parts)
    made = f"cut from the {size:,} {unit} of `{path.name}` into 90, 5 and 5 per cent"
    return Folder(root, parts, notes=(f"not the whole of {name}: {made}",), splits_made=made)
