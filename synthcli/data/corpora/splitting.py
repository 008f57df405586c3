"""Sort files into splits by their names; files of one split alone are cut."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.data.corpora.find_files import lacks_error
from synthcli.data.corpora.local_files.file_format import fold_command, name_with
from synthcli.data.corpora.local_files.split_rule import SplitRule
from synthcli.data.corpora.source import SPLITS, ClassNames, Folder, Parse, Row, SplitFiles, cut, split_ranges
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.data.corpora.held_out import Codes  # numpy takes long to import

# A file's split is the last such word in its path, standing alone:
# `ds-train/data/0.json`, `c4-validation.1.json`.
WORD = re.compile(r"(?<![a-z])(train|valid|validation|val|dev|test)(?![a-z])")
NAMED = 5  # classes that notes name one by one
SPLIT_OF = {"train": "train", "test": "test"}  # every other word says validation

Group = tuple[Path, ...]  # the files that belong together: one, or a source and its target


def find_split_name(path: Path) -> str:
    """Return the split that a path speaks of, or nothing."""
    word = split_word(path)
    return SPLIT_OF.get(word, "validation") if word else ""


def split_word(path: Path) -> str:
    """Return the word by which a path speaks of a split, or nothing."""
    words: list[str] = WORD.findall(path.as_posix().lower())
    return words[-1] if words else ""


def _by_split(root: Path, groups: Iterable[Group]) -> dict[str, list[Group]]:
    """Return the files below a folder by the split their names speak of, in order."""
    splits: dict[str, list[Group]] = {}
    for group in sorted(groups):
        splits.setdefault(find_split_name(group[0].relative_to(root)), []).append(group)
    return splits


def split_folder(root: Path, groups: Iterable[Group], parse: Parse, corpus: str, layout: str) -> Folder:
    """Return a publisher's files by split; those of one split alone are cut 90/5/5 by rows, in order."""
    splits = _by_split(root, groups)
    if len(splits) == 1:
        ((_, only),) = splits.items()
        files = tuple(path for group in only for path in group)
        return cut(root, files, parse, f"{len(files)} file(s)")
    return _keep_named_splits(root, splits, parse, corpus, layout)


def _keep_named_splits(
    root: Path, splits: dict[str, list[Group]], parse: Parse, corpus: str, layout: str
) -> Folder:
    """Return files of several splits as they are."""
    files = {split: tuple(path for group in found for path in group) for split, found in splits.items()}
    if "" in files:
        raise SynthError(
            f"`{root}` holds files of named splits and `{files[''][0].name}`, whose split is not named",
            f"expected {layout}",
        )
    if "train" not in files:
        raise lacks_error(root, "files of train", corpus, layout)
    return Folder(root, {split: SplitFiles(paths, parse) for split, paths in files.items()})


@dataclass(frozen=True)
class Cut:
    """The split of every row, by its number in `SPLITS`, and how it came to be."""

    codes: "Codes"
    unit: str
    counts: dict[str, int]
    lacking: dict[str, list[str]] = field(default_factory=dict)  # splits without a row of a class


@dataclass(frozen=True)
class CutFolder:
    """Files without splits, cut when it is first asked what stands in one: to open them reads nothing."""

    root: Path
    groups: tuple[Group, ...]
    parse: Parse
    rule: SplitRule
    named: str  # the one split that their names speak of; empty: none
    corpus: str  # its name, for hints
    classes: ClassNames | None = None
    vocabulary: None = None

    @property
    def splits(self) -> tuple[str, ...]:
        return SPLITS

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for group in self.groups for path in group)

    @property
    def is_whole(self) -> bool:
        """Whether one who evaluates a model on it means all of it: one file, or those of a held-out split."""
        return len(self.groups) == 1 or self.named in ("validation", "test")

    @property
    def title(self) -> str:
        """Name the files: one, or how many."""
        return f"`{self.files[0].name}`" if len(self.files) == 1 else f"{len(self.files)} file(s)"

    @cached_property
    def cut(self) -> Cut:
        return self.in_order() if self.rule.order == "kept" else self.by_hash()

    def refuse_few(self, rows: int) -> None:
        if rows < len(SPLITS):
            message = f"{self.title} in `{self.root}` have {rows} row(s): too few to cut three splits"
            hint = f"give at least {len(SPLITS)} rows that are not blank"
            if "lines" in self.rule.units:
                hint += f", or break long ones into lines: {fold_command(self.files[0])}"
            raise SynthError(message, hint)

    def in_order(self) -> Cut:
        """Cut the rows as they come."""
        import numpy as np

        rows = sum(1 for _ in self.parse(self.files))
        self.refuse_few(rows)
        counts = {split: stop - start for split, (start, stop) in split_ranges(rows).items()}
        return Cut(np.repeat(np.arange(len(SPLITS), dtype=np.uint8), list(counts.values())), "rows", counts)

    def by_hash(self) -> Cut:
        """Cut by the coarsest units that come near the shares that are wanted."""
        import numpy as np

        from synthcli.data.corpora.held_out import hold_out, scan, splits_without

        scanned = scan(self.parse(group) for group in self.groups)
        self.refuse_few(len(scanned))
        for unit in self.rule.units:
            found = hold_out(scanned, unit, self.rule.seed)
            if found.is_fine:
                break
        counts = dict(zip(SPLITS, np.bincount(found.codes, minlength=len(SPLITS)).tolist(), strict=True))
        if not all(counts.values()):
            raise SynthError(
                f"{self.title} in `{self.root}` have too few rows that differ to cut three splits",
                f"give rows that differ, or cut them as they come: {name_with(self.corpus, split='kept')}",
            )
        lacking = splits_without(found.codes, scanned)
        names = () if self.classes is None else self.classes.names
        return Cut(found.codes, unit, counts, {names[one]: lacking[one] for one in lacking})

    @property
    def splits_made(self) -> str:
        """Say in words how they were cut."""
        counts, rows = self.cut.counts, f"{len(self.cut.codes):,}"
        if self.rule.order == "kept":
            first, second = counts["train"], counts["train"] + counts["validation"]
            return f"cut from the {rows} rows of {self.title} by ranges: 0-{first:,}-{second:,}-{rows}"
        parts = ", ".join(f"{count:,} {split}" for split, count in counts.items())
        return f"cut from the {rows} rows of {self.title} by a hash of their {self.cut.unit}: {parts}"

    @property
    def notes(self) -> tuple[str, ...]:
        rare = list(self.cut.lacking.items())
        named = [f"no row of `{name}` in {', '.join(splits)}: too few of it differ" for name, splits in rare]
        more = [f"and likewise for {len(rare) - NAMED:,} more classes"] if len(rare) > NAMED else []
        return (f"no splits in the files: {self.splits_made}", *named[:NAMED], *more)

    def read(self, split: str) -> Iterator[Row]:
        return compress(self.parse(self.files), (self.cut.codes == SPLITS.index(split)).tobytes())

    def describe(self) -> dict[str, object]:
        """Return what a manifest records of it: the rule that cut it among it."""
        rule = {"order": self.rule.order, "seed": self.rule.seed, "unit": self.cut.unit, "of": self.title}
        made = {"splits_made": self.splits_made, "cut": rule | {"lacking": self.cut.lacking}}
        return {"kind": "folder", "path": str(self.root.resolve()), **made}
