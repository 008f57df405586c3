"""How the text of files is written, and what to do about a file that is written otherwise.

A publisher's file is UTF-8, and what is wrong with it is mended by another copy. A user's own file is as it
is: `local_files.form` says which option reads it.
"""

from dataclasses import dataclass
from pathlib import Path

COPY = "take the publisher's copy"


def is_packed(path: Path) -> bool:
    return path.suffix == ".gz"


@dataclass(frozen=True)
class TextFormat:
    """The encoding of files, and a hint for each thing that may be wrong with one."""

    encoding: str = "utf-8"

    def undecodable(self, path: Path, raw: bytes) -> str:
        """Say what to do about bytes that are not of the encoding; `raw` holds whole lines of the file."""
        return f"convert it to UTF-8, or {COPY}"

    def binary(self, path: Path, raw: bytes) -> str:
        """Say what to do about a NUL byte."""
        return "it is damaged or no text: remove it, `tr -d '\\000'`"

    def describe_damage(self, path: Path) -> str:
        return "fetch it again from its publisher, or check it with `gzip -t`"

    def too_long(self, path: Path) -> str:
        return "break it into lines or documents, one a line"

    def no_record(self, path: Path, reason: str) -> str:
        """Say what to do about a line that is no record; without a `reason` its fields are too many."""
        return f"check the quotes of that line, or {COPY}"

    def no_json(self, path: Path) -> str:
        return COPY

    def no_object(self, path: Path) -> str:
        return COPY


PUBLISHED = TextFormat()
