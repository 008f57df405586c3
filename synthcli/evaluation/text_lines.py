"""Files of one text a line, as systems write them."""

import gzip
import io
import zlib
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.evaluation.outputs import LARGEST, Outputs
from synthcli.safe_read import read_bytes

ONE_A_LINE = "one text a line, in the same order; of an empty output an empty line"


def read_text_lines(path: Path) -> list[str]:
    """Return the lines of a file in UTF-8, packed by gzip or not; `\\n` alone ends one."""
    data = read_unpacked(path)
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        message = f"`{path}` is not UTF-8: byte {data[error.start]:#04x} in line {number:,}"
        raise SynthError(message, "`iconv -f LATIN1 -t UTF-8` converts a file that is Latin-1") from error
    lines = lines[:-1] if lines[-1] == "" else lines
    if not any(line.strip() for line in lines):
        raise SynthError(f"`{path}` holds no text", ONE_A_LINE)
    return lines


def read_unpacked(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if its name ends in `.gz`."""
    try:
        data = read_bytes(path, LARGEST)
        return gunzip(path, data) if path.suffix == ".gz" else data
    except OSError as error:
        message = f"`{path}` cannot be read: {str(error.strerror or error).lower()}"
        raise SynthError(message, "check the path and its permissions") from error


def gunzip(path: Path, data: bytes) -> bytes:
    """Return what gzip packed; raises where that is more than is read, or damaged."""
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            text = stream.read(LARGEST + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SynthError(f"`{path}` is no whole file of gzip", "copy it again") from error
    if len(text) > LARGEST:
        raise SynthError(f"`{path}` holds more than {LARGEST:,} bytes", "it is not the file it ought to be")
    return text


def pair_lines(outputs: Path, references: list[Path], separator: str | None = None) -> Outputs:
    """Return outputs beside their references, a line each; a separator parts the lines of a text.

    White space at the end of a line is kept, as each protocol has its own notion of it.
    """
    hypotheses, *streams = [read_text_lines(path) for path in (outputs, *references)]
    for path, stream in zip(references, streams, strict=True):
        if len(stream) != len(hypotheses):
            message = f"`{outputs}` has {count(hypotheses)} and `{path}` {count(stream)}"
            raise SynthError(message, f"a line of each is the same sample: {ONE_A_LINE}")
    if separator is not None:
        hypotheses, *streams = [break_lines(stream, separator) for stream in (hypotheses, *streams)]
    return Outputs([None] * len(hypotheses), list(zip(*streams, strict=True)), hypotheses)


def break_lines(texts: list[str], separator: str) -> list[str]:
    """Return texts whose sentences stand one a line."""
    return ["\n".join(part.strip() for part in text.split(separator)) for text in texts]


def count(lines: list[str]) -> str:
    return f"{len(lines):,} line{'s' * (len(lines) != 1)}"
