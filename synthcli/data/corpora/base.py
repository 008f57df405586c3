"""What a corpus is: a name, where its text comes from, and rows of one kind."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from synthcli.data.config import TokenizerKind
from synthcli.data.corpora.homes import find_home
from synthcli.data.corpora.hub import Hub, open_hub
from synthcli.data.corpora.source import Builtin, Folder, Row, Source
from synthcli.data.corpora.splitting import CutFolder
from synthcli.errors import SynthError

FEWEST_CLASSES = 2  # of a classifier, until a store says how many there are

Kind = Literal["text", "pairs", "labelled", "scored", "choices"]


@dataclass(frozen=True)
class Corpus:
    """A named source of raw text."""

    name: str
    kind: Kind
    title: str
    licence: str
    url: str
    layout: str  # for people: which files `--source` expects and where they come from
    rows: dict[str, int] = field(default_factory=dict)  # as published; empty where this Python decides
    class_names: tuple[str, ...] = ()
    class_file: Path | None = None  # that lists them
    tokenizer: TokenizerKind = "sentencepiece-unigram"  # where none is asked for
    vocab_size: int | None = None  # of that tokenizer; none: as large as its kind is by default
    has_words: bool = True  # whether what stands between white space is one; not of markup or code as bytes
    has_fields: bool = False  # whether what is classified is of fields with names: `corpora.forms`
    least_count: int = 1  # of a word in train; rarer ones are unknown to its word tokenizers
    hub: Hub | None = None
    folder: Callable[[Path], Folder | CutFolder] | None = None
    finds_source: bool = False  # `folder` takes patterns and beginnings of names too
    generate: Callable[[], dict[str, list[Row]]] | None = None

    @property
    def num_classes(self) -> int:
        """How many classes it has, or where its files say so, at least."""
        return len(self.class_names) or (FEWEST_CLASSES if self.kind == "labelled" else 0)

    @property
    def builtin(self) -> bool:
        """Whether it needs neither network nor files."""
        return self.generate is not None

    def open(self, source: Path | None = None) -> Source:
        """Return what to read from; raises where files are missing or the hub does not answer."""
        if source is not None and self.folder is None:
            raise SynthError(f"`{self.name}` is built in and reads no folder", "leave `--source` out")
        if source is not None and self.folder is not None:
            if not source.exists() and not self.finds_source:
                raise SynthError(f"the source `{source}` does not exist", f"expected {self.layout}")
            return self.folder(source)
        if self.folder is not None and (home := find_home(self.name)) is not None:
            return _note_home(self.folder(home), home)
        if self.generate is not None:
            return Builtin(self.name, platform.python_version(), self.generate())
        if self.hub is None:
            raise SynthError(f"`{self.name}` needs its files", f"give `--source DIR` with {self.layout}")
        return open_hub(self.name, self.hub, self.rows)

    def read(self, split: str, source: Path | None = None) -> Iterator[Row]:
        """Yield the rows of a split in their order."""
        return self.open(source).read(split)


def _note_home(opened: Folder | CutFolder, home: Path) -> Folder:
    """Say that a folder was not named but found where the files of a corpus are expected."""
    assert isinstance(opened, Folder), home  # a user's own files have no such place
    return replace(opened, notes=(*opened.notes, f"read from `{home}`; `--source` names another folder"))
