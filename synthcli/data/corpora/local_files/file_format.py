"""How a user's own file is written: what is wrong with one is mended by an option or a command."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthcli.data.corpora.local_files.encodings import find_encoding, is_utf_8, likely_encoding
from synthcli.data.corpora.local_files.options import unquote, with_options
from synthcli.data.corpora.text_format import TextFormat, is_packed

OPTIONS = {"encoding": "utf-8|cp1252|…"}
WIDTHS = {100_000: 1_000, 0: 80}  # bytes a line of a long one in a file of at least so many
EXCERPT = 40  # characters of a line that a hint shows
TO_JSON = "from datasets import Dataset; Dataset.from_parquet({}).to_json({})"
PACKED = {b"\x1f\x8b": "gzip", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class OwnFileFormat(TextFormat):
    """A user's own file that no corpus reads."""

    def undecodable(self, path: Path, raw: bytes) -> str:
        if (other := _other_format(path)) is not None:
            return other
        lines = [line for line in raw.split(b"\n") if not line.isascii()]
        if self.encoding == "utf-8" and 2 * sum(map(is_utf_8, lines)) > len(lines):
            return f"it is UTF-8 elsewhere; without the damaged bytes: {_iconv_command(path, 'UTF-8', '-c')}"
        likely = likely_encoding(raw)
        if likely is None:
            return "it is no text that we know; write it as UTF-8"
        return f"it seems to be `{likely}`{_excerpt(raw, likely)}; {self.suggest_encoding(path, likely)}"

    def suggest_encoding(self, path: Path, encoding: str) -> str:
        return f"convert it: {_iconv_command(path, encoding)}"

    def binary(self, path: Path, raw: bytes) -> str:
        if (other := _other_format(path)) is not None:
            return other
        likely = likely_encoding(raw)
        if likely is not None and likely.startswith("utf-16"):
            return f"it seems to be `{likely}`; {self.suggest_encoding(path, likely)}"
        without = pipe_command(path, ["tr", "-d", "\\000"])
        return f"it is damaged or no text; without them: {without}"

    def describe_damage(self, path: Path) -> str:
        with path.open("rb") as stream:
            is_gzip = stream.read(2) == b"\x1f\x8b"
        if not is_gzip:
            return f"it is not packed: {command(['mv', str(path), str(path.with_suffix(''))])}"
        return f"it is cut short: copy it again, until {command(['gzip', '-t', str(path)])} says nothing"

    def too_long(self, path: Path) -> str:
        return f"break it into lines: {fold_command(path)}"

    def no_record(self, path: Path, reason: str) -> str:
        return "check the quotes of that line"

    def no_json(self, path: Path) -> str:
        return "mend that line"

    def no_object(self, path: Path) -> str:
        return 'expected objects, such as `{"text": "…"}`'


@dataclass(frozen=True)
class OwnFormat(OwnFileFormat):
    """The files of a user's own corpus, whose name may say more of how to read them."""

    corpus: str = ""

    def suggest_encoding(self, path: Path, encoding: str) -> str:
        return f"name the corpus {name_with(self.corpus, encoding=encoding)}"

    def no_record(self, path: Path, reason: str) -> str:
        if "new-line" in reason:
            without = pipe_command(path, ["tr", "-d", "\\r"])
            return f"a carriage return stands in a field; without them: {without}"
        if "quoting=no" in self.corpus:
            return "a field holds the separator: take it out, or choose another separator"
        bare = f"where quotes are plain characters, name the corpus {name_with(self.corpus, quoting='no')}"
        if reason:
            return f"check the quotes of that line; {bare}"
        return f"put a field that holds the separator in double quotes; {bare}"


def read_format(name: str, options: Mapping[str, str]) -> OwnFormat:
    """Return how the files of a corpus are written, as its name says."""
    encoding = find_encoding(name, unquote(options.get("encoding", "utf-8")))
    return OwnFormat(encoding, name)


def name_with(corpus: str, **options: str | None) -> str:
    """Return the name of a corpus with other options, quoted for a shell."""
    return f"`{shlex.quote(with_options(corpus, **options))}`"


def _other_format(path: Path) -> str | None:
    """Say how to make text of a file that begins as one of another format does; None where it does not."""
    with path.open("rb") as stream:
        start = stream.read(8)
    if start.startswith(b"PAR1"):
        code = TO_JSON.format(*(json.dumps(str(one)) for one in (path, path.with_suffix(".jsonl"))))
        return f"it is parquet; {command(['python', '-c', code])} writes json lines, which `jsonl` reads"
    if start.startswith(b"PK\3\4"):
        return "it is a zip archive or a spreadsheet; unpack it, or save the sheet as `.csv`"
    program = next((name for magic, name in PACKED.items() if start.startswith(magic)), None)
    if program is None or is_packed(path):
        return None
    unpacked = shlex.quote(str(path.with_name(f"unpacked-{path.stem}")))
    return f"it is packed: `{program} -dc < {shlex.quote(str(path))} > {unpacked}`"


def _iconv_command(path: Path, encoding: str, *more: str) -> str:
    """Name the command that writes a file in UTF-8 beside it."""
    return pipe_command(path, ["iconv", *more, "-f", encoding.replace("_", "-").upper(), "-t", "UTF-8"])


def fold_command(path: Path) -> str:
    """Name the command that breaks long lines between words."""
    width = next(width for size, width in WIDTHS.items() if path.stat().st_size >= size)
    return pipe_command(path, ["fold", "-s", "-w", str(width)])


def pipe_command(path: Path, words: list[str]) -> str:
    """Name a command that reads a file and writes another beside it."""
    unpacked = f"gzip -dc {shlex.quote(str(path))} | " if path.suffix == ".gz" else ""
    stem = path.with_suffix("") if unpacked else path
    out = stem.with_name(f"mended-{stem.name}")
    given = "" if unpacked else f" < {shlex.quote(str(path))}"
    return f"`{unpacked}{shlex.join(words)}{given} > {shlex.quote(str(out))}`"


def command(words: list[str]) -> str:
    return f"`{shlex.join(words)}`"


def _excerpt(raw: bytes, encoding: str) -> str:
    """Return what an encoding makes of the first line that is no ASCII."""
    line = next((line for line in raw.split(b"\n") if not line.isascii()), b"")
    text = "".join(line.decode(encoding, "replace").split("\0"))
    first = next((place for place, character in enumerate(text) if not character.isascii()), 0)
    begin = max(0, first - EXCERPT // 2)
    return f", which reads “{' '.join(text[begin : begin + EXCERPT].split())}”"
