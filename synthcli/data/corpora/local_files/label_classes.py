"""The classes of a label: listed in the name of a corpus, one a line in a file, or all that are found.

Those that are found are numbered in the order of their names, whole numbers in theirs.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from synthcli.data.corpora.local_files.file_format import OwnFileFormat
from synthcli.data.corpora.local_files.options import split_at, unquote
from synthcli.data.corpora.reading import clip, lines
from synthcli.errors import SynthError

ALL = "all"
MOST = 100_000  # classes that are counted: a label with more is none
NAMED = 20  # classes that a note names one by one


@dataclass(frozen=True)
class LabelClasses:
    """The names of classes in the order of their numbers, looked for when they are first asked for."""

    listed: tuple[str, ...] = ()
    file: Path | None = None
    count: Callable[[], Counter[str]] | None = None  # reads the labels of all files

    @cached_property
    def counts(self) -> Counter[str]:
        """How many rows there are of each class that was found."""
        return Counter() if self.count is None else self.count()

    @cached_property
    def names(self) -> tuple[str, ...]:
        if self.listed:
            return self.listed
        return tuple(sorted(self.counts, key=_in_order)) if self.file is None else read_classes(self.file)

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    @property
    def notes(self) -> tuple[str, ...]:
        """List the classes that nobody named, and how many rows each has."""
        if self.listed or self.file is not None:
            return ()
        told = ", ".join(f"`{clip(name)}` ({self.counts[name]:,})" for name in self.names[:NAMED])
        rest = len(self.names) - NAMED
        more = f" and {rest:,} more, which `manifest.json` lists" if rest > 0 else ""
        return (f"found {len(self.names):,} class{'es' * (len(self.names) != 1)}: {told}{more}",)


def classes_from(name: str, written: str) -> LabelClasses:
    """Return the classes that an option names; `@FILE` names a file."""
    if written == ALL:
        return LabelClasses()
    if unquote(written).startswith("@"):
        return LabelClasses(file=Path(unquote(written)[1:]))
    listed = tuple(unquote(part) for part in split_at("+", written))
    twice = [one for one, times in Counter(listed).items() if times > 1]
    if twice or len(listed) < 2 or not all(listed):
        what = f"`{twice[0]}` twice" if twice else "one alone" if all(listed) else "an empty one"
        hint = "expected `ONE+TWO` in the order of their numbers, `@FILE` with one a line, or `all`"
        raise SynthError(f"`{name}` gives `classes` with {what}", hint)
    return LabelClasses(listed)


def read_classes(path: Path) -> tuple[str, ...]:
    """Return the lines of a file of classes; blank ones are none, and a name twice is refused."""
    if not path.is_file():
        raise SynthError(f"the file of classes `{path}` does not exist", "name a file with one class a line")
    found: dict[str, int] = {}
    for number, line in enumerate(lines(path, form=OwnFileFormat()), start=1):
        if (name := line.strip()) in found:
            message = f"`{path}` has the class `{clip(name)}` at lines {found[name]} and {number}"
            raise SynthError(message, "leave one of them out")
        if name:
            found[name] = number
    if not found:
        raise SynthError(f"`{path}` names no class", "write one a line")
    return tuple(found)


def _in_order(name: str) -> tuple[int, int, str]:
    """Order whole numbers by size, before all other names."""
    is_number = name.removeprefix("-").isdecimal() and name.isascii()
    return (0, int(name), name) if is_number and len(name) < MOST else (1, 0, name)
