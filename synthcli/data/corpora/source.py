"""Where rows come from: a folder in the publisher's layout, or this Python itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NotRequired, Protocol, TypedDict

from synthcli.errors import SynthError, did_you_mean

SPLITS = ("train", "validation", "test")
ALSO = {"dev": "validation", "val": "validation", "valid": "validation"}  # what publishers call it


def find_split(word: str) -> str:
    """Return the name of a split; that of validation is known by other words too."""
    name = ALSO.get(word, word)
    if name not in SPLITS:
        raise SynthError(f"unknown split `{word}`", did_you_mean(word, SPLITS))
    return name


class Row(TypedDict):
    """One row: text {text}, pairs {source, target}, labelled {text, label}, scored {text, score},
    choices {choices, label}: the number of the right one. Pairs in the form `plain` have the text that
    follows in `second`, those of choices in `seconds`.
    """

    text: NotRequired[str]
    second: NotRequired[str]
    source: NotRequired[str]
    target: NotRequired[str]
    label: NotRequired[int]
    score: NotRequired[float]
    choices: NotRequired[Sequence[str]]
    seconds: NotRequired[Sequence[str]]


Record = Mapping[str, Any]
"""What the hub or a json file has in place of a row; what a field holds is checked where it is read."""


class ClassNames(Protocol):
    """The classes that files have where their corpus does not name them."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


class Source(Protocol):
    """An opened corpus: its splits and their rows, each time in the same order."""

    @property
    def splits(self) -> tuple[str, ...]: ...

    @property
    def files(self) -> tuple[Path, ...]: ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: splits cut by us, files passed over."""
        ...

    @property
    def vocabulary(self) -> Path | None:
        """The publisher's own list of words, where it comes with one."""
        ...

    @property
    def classes(self) -> ClassNames | None:
        """The classes of its labels, where its files say which there are."""
        ...

    def read(self, split: str) -> Iterator[Row]: ...

    def describe(self) -> dict[str, object]:
        """Return what a manifest records: kind, path or id, revision."""
        ...


Parse = Callable[[tuple[Path, ...]], Iterator[Row]]


@dataclass(frozen=True)
class SplitFiles:
    """The files of a split; with `rows`, only that range of their rows."""

    files: tuple[Path, ...]
    parse: Parse
    rows: tuple[int, int] | None = None

    def read(self) -> Iterator[Row]:
        rows = self.parse(self.files)
        return rows if self.rows is None else islice(rows, *self.rows)


@dataclass(frozen=True)
class Folder:
    """Files of a publisher, found and sorted into splits."""

    root: Path
    parts: dict[str, SplitFiles]
    notes: tuple[str, ...] = ()
    splits_made: str | None = None
    vocabulary: Path | None = None
    classes: ClassNames | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if split in self.parts)

    @property
    def files(self) -> tuple[Path, ...]:
        own = [path for split in self.splits for path in self.parts[split].files]
        return tuple(dict.fromkeys([*own, self.vocabulary] if self.vocabulary else own))

    def read(self, split: str) -> Iterator[Row]:
        return self.parts[split].read()

    def describe(self) -> dict[str, object]:
        return {"kind": "folder", "path": str(self.root.resolve()), "splits_made": self.splits_made}


def cut(
    root: Path, files: tuple[Path, ...], parse: Parse, name: str, vocabulary: Path | None = None
) -> Folder:
    """Cut the rows of files that hold one split only, in order, into 90, 5 and 5 per cent."""
    rows = sum(1 for _ in parse(files))
    if rows < 3:
        raise SynthError(f"{name} in `{root}` have {rows} row(s): too few to cut three splits", "give more")
    ranges = split_ranges(rows)
    first, second = ranges["validation"]
    parts = {split: SplitFiles(files, parse, span) for split, span in ranges.items()}
    made = f"cut from the {rows:,} rows of {name} by ranges: 0-{first:,}-{second:,}-{rows:,}"
    notes = (f"no splits in the folder: {made}",)
    return Folder(root, parts, notes, splits_made=made, vocabulary=vocabulary)


def split_ranges(rows: int) -> dict[str, tuple[int, int]]:
    """Return where each split begins and ends of rows that are cut in order."""
    held_out = max(1, rows * 5 // 100)
    first, second = rows - 2 * held_out, rows - held_out
    return {"train": (0, first), "validation": (first, second), "test": (second, rows)}


@dataclass(frozen=True)
class Builtin:
    """Rows this program makes, the same for the same Python."""

    name: str
    python: str
    rows: dict[str, list[Row]] = field(repr=False)
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    vocabulary: None = None
    classes: None = None

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.rows)

    def read(self, split: str) -> Iterator[Row]:
        return iter(self.rows[split])

    def describe(self) -> dict[str, object]:
        return {"kind": "builtin", "python": self.python}
