"""Sort files into splits by their names; files of one split alone are cut."""

import re
from collections.abc import Iterable
from pathlib import Path

from synthcli.data.corpora.finding import lacking
from synthcli.data.corpora.source import Folder, Parse, Part, cut
from synthcli.errors import SynthError

# A file's split is the last such word in its path, standing alone:
# `ds-train/data/0.json`, `c4-validation.1.json`.
WORD = re.compile(r"(?<![a-z])(train|valid|validation|val|dev|test)(?![a-z])")
SPLIT_OF = {"train": "train", "test": "test"}  # every other word says validation

Group = tuple[Path, ...]  # the files that belong together: one, or a source and its target


def split_of(path: Path) -> str:
    """Return the split that a path speaks of, or nothing."""
    words = WORD.findall(path.as_posix().lower())
    return SPLIT_OF.get(words[-1], "validation") if words else ""


def split_folder(root: Path, groups: Iterable[Group], parse: Parse, corpus: str, layout: str) -> Folder:
    """Return the files below a folder by split; those of one split alone are cut 90/5/5 by rows."""
    splits: dict[str, list[Group]] = {}
    for group in sorted(groups):
        splits.setdefault(split_of(group[0].relative_to(root)), []).append(group)
    files = {split: tuple(path for group in found for path in group) for split, found in splits.items()}
    if len(files) == 1:
        (only,) = files.values()
        return cut(root, only, parse, f"{len(only)} file(s)")
    if "" in files:
        raise SynthError(
            f"`{root}` holds files of named splits and `{files[''][0].name}`, whose split is not named",
            f"expected {layout}",
        )
    if "train" not in files:
        raise lacking(root, "files of train", corpus, layout)
    return Folder(root, {split: Part(paths, parse) for split, paths in files.items()})
