"""Read files of text, plain or .gz; whatever is wrong with one names the file and the place."""

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Literal

from synthcli.data.corpora.text_format import PUBLISHED, TextFormat, is_packed
from synthcli.errors import SynthError
from synthcli.safe_read import refuse_irregular

BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
LONGEST_LINE = 2**25  # bytes: memory is bounded, and no document of the corpora is as long
BLOCK = 2**18  # bytes read at once
LONGEST_DOCUMENT = 2**28  # of a json file that is one value
LONGEST_FIELD = 2**24  # bytes of one csv field
SHOWN = 200  # characters of a file that a message repeats


def lines(path: Path, longest: int = LONGEST_LINE, form: TextFormat = PUBLISHED) -> Iterator[str]:
    """Yield lines without their ends: line feeds, or in a file that begins without one, carriage returns."""
    return chain.from_iterable(_lists_of_lines(path, longest, form))


def _lists_of_lines(path: Path, longest: int, form: TextFormat) -> Iterator[list[str]]:
    """Yield lines many at once, as they are read."""
    number = offset = 0  # of what was read before this block
    for raw in _blocks(path, longest, form):
        body = raw if offset else without_mark(path, raw, form)
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise undecodable(path, offset + len(raw) - len(body) + error.start, raw, form) from error
        if "\0" in text:
            line = number + text.count("\n", 0, text.index("\0")) + 1
            raise SynthError(f"`{path}` has a NUL byte at line {line}", form.binary(path, raw))
        found = text.removesuffix("\n").split("\n")
        yield [line.removesuffix("\r") for line in found] if "\r" in text else found
        number, offset = number + len(found), offset + len(raw)


def undecodable(path: Path, place: int, raw: bytes, form: TextFormat) -> SynthError:
    """Say which byte of a file is not of its encoding."""
    name = "UTF-8" if form.encoding == "utf-8" else form.encoding
    where = f"byte {place}" + (" once unpacked" if is_packed(path) else "")
    return SynthError(f"`{path}` is not {name} at {where}", form.undecodable(path, raw))


def without_mark(path: Path, start: bytes, form: TextFormat = PUBLISHED) -> bytes:
    """Return the start of a file without its byte order mark; one that says it is UTF-16 is refused."""
    if start.startswith(UTF_16):
        raise SynthError(f"`{path}` is UTF-16, expected UTF-8", form.undecodable(path, start))
    return start.removeprefix(BOM)


def _blocks(path: Path, longest: int = LONGEST_LINE, form: TextFormat = PUBLISHED) -> Iterator[bytes]:
    """Yield lines as bytes, many at once; a line too long is refused before it fills the memory."""
    size, number, rest = min(BLOCK, longest), 1, b""
    for read in _with_line_feeds(utf_8(path, size, form)):
        end = read.rfind(b"\n") + 1
        if len(rest) + (read.find(b"\n") + 1 or len(read)) > longest:
            message = f"`{path}` has more than {longest // 2**20} MiB in line {number}"
            raise SynthError(message, form.too_long(path))
        if end:
            yield rest + read[:end]
            number, rest = number + read.count(b"\n"), b""
        rest += read[end:]
    if rest:
        yield rest


def _with_line_feeds(read: Iterator[bytes]) -> Iterator[bytes]:
    """Yield bytes as they are; of a file that ends its first lines by carriage returns alone, line feeds."""
    first = next(read, b"")
    if b"\n" in first or b"\r" not in first[:-1]:
        yield from chain([first], read)
        return
    held = b""  # a carriage return whose line feed may follow
    for chunk in chain([first], read):
        data = held + chunk
        held = b"\r" if data.endswith(b"\r") else b""
        yield data.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if held:
        yield b"\n"


def utf_8(path: Path, size: int, form: TextFormat) -> Iterator[bytes]:
    """Yield the bytes of a file as they come, in UTF-8 whatever it is written in."""
    if form.encoding == "utf-8":
        yield from _chunks(path, size, form)
        return
    decoder, place = codecs.getincrementaldecoder(form.encoding)(), 0
    for raw in chain(_chunks(path, size, form), [b""]):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(raw, final=not raw)
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            raise undecodable(path, place - pending + start, raw, form) from error
        place += len(raw)
        yield text.encode(errors="surrogatepass")


def _chunks(path: Path, size: int, form: TextFormat) -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked, as they come."""
    refuse_irregular(path)
    try:
        with gzip.open(path) if is_packed(path) else path.open("rb") as stream:
            yield from iter(partial(stream.read, size), b"")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"`{path}` is truncated or damaged: {str(error).lower()}"
        raise SynthError(message, form.describe_damage(path)) from error
    except OSError as error:
        raise SynthError(f"cannot read `{path}`: {error.strerror}", "check the file's permissions") from error


def clip(value: object) -> str:
    """Return what a message shows of a value from a file: one line, and not too long a one."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def parallel(source: Path, target: Path, form: TextFormat = PUBLISHED) -> Iterator[tuple[str, str]]:
    """Yield the lines of two files side by side; both must have equally many."""
    sides = (lines(path, form=form) for path in (source, target))
    for number, (left, right) in enumerate(zip_longest(*sides), start=1):
        if left is None or right is None:
            short, long = (source, target) if left is None else (target, source)
            raise SynthError(
                f"`{short.name}` ends before line {number}, and `{long.name}` goes on:"
                " parallel files need equally many lines",
                f"compare them from line {number}: `{short}` and `{long}`",
            )
        yield left, right


def records(
    path: Path,
    columns: int | None = None,
    delimiter: str = ",",
    form: TextFormat = PUBLISHED,
    has_quotes: bool = True,
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which each record of a csv file ends, and its fields, as many as `columns` says.

    Without `columns` the first record, a header, says how many. Blank lines are no records. Without
    `has_quotes` a quote is a character like any other.
    """
    csv.field_size_limit(LONGEST_FIELD)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE
    table = (line + "\n" for line in lines(path, form=form))
    reader = csv.reader(table, strict=True, delimiter=delimiter, quoting=quoting)
    ended = 0  # the line on which the last record did
    try:
        for record in reader:
            columns, ended = columns or len(record), reader.line_num
            if len(record) == columns:
                yield reader.line_num, record
            elif record:
                message = f"`{path}` has {len(record)} fields at line {reader.line_num}, expected {columns}"
                raise SynthError(message, form.no_record(path, ""))
    except csv.Error as error:
        reason = clip(error)
        raise SynthError(
            f"`{path}` is no csv at line {ended + 1}: {reason}", form.no_record(path, reason)
        ) from error


def json_document(path: Path, form: TextFormat = PUBLISHED) -> Any:
    """Return what a json file holds."""
    return _json_value(path, "\n".join(lines(path, LONGEST_DOCUMENT, form)), form=form)


def json_lines(path: Path, form: TextFormat = PUBLISHED) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of every line that is not blank."""
    for number, line in enumerate(lines(path, form=form), start=1):
        if not line.strip():
            continue
        record = _json_value(path, line, number, form)
        if not isinstance(record, dict):
            raise SynthError(f"`{path}` holds no object at line {number}", form.no_object(path))
        yield number, record


def _json_value(path: Path, text: str, first: int = 1, form: TextFormat = PUBLISHED) -> Any:
    """Return the value of a json text that begins in a given line of a file."""
    try:
        value = json.loads(text)
        refuse_half_characters(text, value)
    except (ValueError, RecursionError) as error:
        raise no_json(path, error, first, form) from error
    return value


def refuse_half_characters(text: str, value: object) -> None:
    """Raise ValueError where a value holds half of a pair, which is no character."""
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode()


def no_json(path: Path, error: Exception, first: int, form: TextFormat) -> SynthError:
    """Say where a text that begins in a given line is no json."""
    line, reason = 1, str(error)
    if isinstance(error, json.JSONDecodeError):
        line, reason = error.lineno, error.msg
    return SynthError(f"`{path}` is no json at line {first - 1 + line}: {reason.lower()}", form.no_json(path))


def read_tabbed(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line that is not blank; quotes mean nothing."""
    for number, line in enumerate(lines(path), start=1):
        if line.strip():
            yield number, line.split("\t")
