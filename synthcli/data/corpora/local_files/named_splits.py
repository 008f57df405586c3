"""Which split a user's own files are: what their names say, or what a rule makes of them.

The names of programs say nothing: `train.py` and `tests/test_model.py` are about what they do.
"""

import shlex
from collections.abc import Iterable
from pathlib import Path

from synthcli.data.corpora.find_files import lacks_error
from synthcli.data.corpora.local_files.options import with_options
from synthcli.data.corpora.local_files.split_rule import SplitRule
from synthcli.data.corpora.source import ClassNames, Folder, Parse, SplitFiles
from synthcli.data.corpora.splitting import CutFolder, Group, find_split_name, split_word
from synthcli.errors import SynthError

PROGRAMS = frozenset(
    (
        *(
            ".py",
            ".pyi",
            ".ipynb",
            ".js",
            ".jsx",
            ".mjs",
            ".ts",
            ".tsx",
            ".java",
            ".kt",
            ".scala",
            ".clj",
            ".c",
        ),
        *(
            ".h",
            ".cc",
            ".cpp",
            ".cxx",
            ".hpp",
            ".cu",
            ".cuh",
            ".cs",
            ".fs",
            ".go",
            ".rs",
            ".rb",
            ".php",
            ".pl",
        ),
        *(".pm", ".lua", ".r", ".jl", ".m", ".swift", ".dart", ".ex", ".exs", ".erl", ".hs", ".ml", ".lisp"),
        *(".el", ".sh", ".bash", ".zsh", ".ps1", ".bat", ".sql", ".css", ".scss", ".vue", ".cmake", ".proto"),
        *(".f90", ".f", ".pas", ".asm", ".v", ".sv", ".vhd", ".toml", ".yaml", ".yml", ".ini", ".cfg"),
    )
)


def split_own_folder(
    root: Path,
    groups: Iterable[Group],
    parse: Parse,
    corpus: str,
    layout: str,
    rule: SplitRule,
    classes: ClassNames | None = None,
) -> Folder | CutFolder:
    """Return a user's own files by split; those of one split alone are cut as a rule says, or not at all."""
    splits = _sort_by_names(root, groups, rule)
    if len(splits) > 1:
        _refuse_half_named(root, splits, corpus)
        if "train" not in splits:
            raise lacks_error(root, "files of train", corpus, f"{layout}; {_ignore_names(corpus)}")
        files = {split: _join_splits(found) for split, found in splits.items()}
        return Folder(root, {split: SplitFiles(own, parse) for split, own in files.items()}, classes=classes)
    ((split, only),) = splits.items()
    if rule.order != "whole":
        return CutFolder(root, tuple(only), parse, rule, split, corpus, classes)
    return Folder(root, {split or "test": SplitFiles(_join_splits(only), parse)}, classes=classes)


def _sort_by_names(root: Path, groups: Iterable[Group], rule: SplitRule) -> dict[str, list[Group]]:
    """Return files by the split that their names speak of, in order; empty: of none."""
    splits: dict[str, list[Group]] = {}
    for group in sorted(groups):
        path = group[0].relative_to(root)
        is_read = rule.reads_names and not _is_program(path)
        splits.setdefault(find_split_name(path) if is_read else "", []).append(group)
    if "" in splits and rule.is_asked:
        return {"": sorted(group for found in splits.values() for group in found)}
    return splits


def _is_program(path: Path) -> bool:
    return Path(path.name.removesuffix(".gz")).suffix.lower() in PROGRAMS


def _join_splits(groups: list[Group]) -> tuple[Path, ...]:
    return tuple(path for group in groups for path in group)


def _refuse_half_named(root: Path, splits: dict[str, list[Group]], corpus: str) -> None:
    """Raise where some files speak of a split and others do not: a file with the word may hold a test."""
    if "" not in splits:
        return
    named, other = (
        found[0][0].relative_to(root) for found in (splits[min(splits.keys() - {""})], splits[""])
    )
    says = f"`{named}`, whose name says `{split_word(named)}`"
    raise SynthError(
        f"`{root}` holds {says}, and `{other}`, whose name says no split",
        f"name the split of each, or take no notice of names: {_ignore_names(corpus)}",
    )


def _ignore_names(corpus: str) -> str:
    return f"`{shlex.quote(with_options(corpus, splits='none'))}` cuts all of them"
