"""A store: a corpus prepared for training, `<root>/<corpus>.<tokenizer>-<vocabulary>[.<hash of its source>]`.
A corpus with options, such as `csv:text=review`, is called `csv-` and the hash of its name there.

Each split is a folder of Arrow shards that `datasets.load_from_disk` reads. Columns, texts at full length:
text {tokens, words, bytes}, pairs {source, target, source_text, target_text}, labelled {tokens, label},
scored {tokens, score}, choices {choices, label}, where choices is a list of tokens. In the form `plain`
(`corpora.forms`) a column `second` says where the second text of a pair begins.
`words` counts the words between white space and one for the line's end, `bytes` likewise, as the
perplexities of WikiText and of the One Billion Word benchmark do.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow

from synthcli.data.config import TokenizerConfig
from synthcli.data.store.manifest import (
    MANIFEST,
    QUALITY,
    Manifest,
    read_store_manifest,
    store_hash,
    verify_files,
)
from synthcli.data.store.origin import find_given_source, former_name, shorten_name, source_hash, stores_root
from synthcli.data.store.shards import map_table
from synthcli.data.tokenizers import Tokenizer, load_given, load_tokenizer
from synthcli.data.tokenizers.base import PLAIN
from synthcli.errors import SynthError, did_you_mean
from synthcli.safe_read import read_json, read_table

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Store:
    """A prepared corpus; opening it has verified its files."""

    path: Path
    manifest: Manifest

    @property
    def corpus(self) -> str:
        return str(self.manifest["corpus"])

    @property
    def kind(self) -> str:
        """The kind of its rows: text, pairs, labelled, scored or choices."""
        return str(self.manifest["kind"])

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.manifest["class_names"])

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.manifest["splits"])

    @property
    def hash(self) -> str:
        """One hash of all it holds."""
        return store_hash(self.manifest["files"])

    @cached_property
    def quality(self) -> dict[str, Any] | None:
        """What its rows are like: duplicates, leaks, lengths; None for a store that does not say."""
        path = self.path / QUALITY
        return read_table(path, f"delete it, then `synth quality {self.path}`") if path.is_file() else None

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return load_tokenizer(self.path / "tokenizer")

    def counts(self, split: str) -> dict[str, int]:
        """Return what the manifest counted in a split: rows, tokens, words, bytes, empty rows."""
        if split not in self.splits:
            names = ", ".join(f"`{name}`" for name in self.splits)
            raise SynthError(f"the store of `{self.corpus}` has no split `{split}`", f"it has {names}")
        return dict(self.manifest["splits"][split])

    def rows(self, split: str) -> int:
        return self.counts(split)["rows"]

    def describe_cut(self, split: str) -> str | None:
        """Say what part of its files a split is, if they had no splits; None for a publisher's."""
        source = self.manifest["source"]
        made, cut = source.get("splits_made") or "", source.get("cut")
        rows, total = self.rows(split), sum(map(self.rows, self.splits))
        counted = f"{100 * rows / max(total, 1):.2g} %", f"{rows:,} of {total:,} rows"
        if cut is not None:
            how = "by hash" if cut["order"] == "shuffled" else "in order"
            return f"`{split}` is {counted[0]} of {cut['of']}, cut {how}: {counted[1]}"
        return f"`{split}` is {counted[0]}, {counted[1]}: {made}" if made.startswith("cut from") else None

    def table(self, split: str) -> pyarrow.Table:
        """Return the rows of a split as Arrow's table, mapped from disk."""
        self.counts(split)
        return map_table(self.path / split)

    def split(self, name: str) -> "Dataset":
        """Return the rows of a split as `datasets` has them, mapped from disk."""
        from datasets import load_from_disk

        self.counts(name)
        return load_from_disk(str(self.path / name))


def open_store(path: Path) -> Store:
    """Open a store whose files match its manifest; any other is refused."""
    if not path.is_dir():
        known = [folder.name for folder in stores_in(path.parent)]
        hint = did_you_mean(path.name, known) if known else "`synth prepare-corpus NAME` makes one"
        raise SynthError(f"there is no store `{path}`", hint)
    manifest = read_store_manifest(path)
    verify_files(path, manifest)
    return Store(path, manifest)


def stores_in(root: Path) -> list[Path]:
    """Return the folders of all stores under a root; a checkpoint has a manifest too, and is none."""
    folders = (path.parent for path in root.glob(f"*/{MANIFEST}") if not path.parent.name.startswith("."))
    return sorted(folder for folder in folders if not is_other_manifest(folder))


def is_other_manifest(folder: Path) -> bool:
    """Whether a folder says whole and well that it is something else than a store; a damaged one does not."""
    try:
        manifest = read_json(folder / MANIFEST)
    except (ValueError, OSError, SynthError):
        return False
    return not (isinstance(manifest, dict) and "corpus" in manifest)


def store_path(root: Path, corpus: str, config: TokenizerConfig, source: Path | None) -> Path:
    """Return where the store of a corpus, a tokenizer and a source stands; one of before has its own name."""
    name, former = _store_names(corpus, config)
    rest = "" if source is None else f".{source_hash(source)}"
    path, other = root / f"{name}{rest}", root / f"{former}{rest}"
    return other if not path.exists() and (other / MANIFEST).is_file() else path


def _store_names(corpus: str, config: TokenizerConfig) -> tuple[str, str]:
    """Return what the stores of a corpus and a tokenizer are called but for their source, and were before."""
    rest = f".{config.kind}-{config.size}"
    form: str | None = config.form
    if config.files is not None:
        tokenizer = load_given(config)
        form = form or tokenizer.form
        rest += "" if config.kind == "gpt2" else f"-{tokenizer.hash[:8]}"
    if form == PLAIN:
        rest += f"-{form}"
    return f"{shorten_name(corpus)}{rest}", f"{former_name(corpus)}{rest}"


def find_store(root: Path, corpus: str, config: TokenizerConfig, source: Path | None = None) -> Path | None:
    """Return the path of a prepared store; without a source, the newest of the corpus and tokenizer."""
    if source is not None:
        path = store_path(root, corpus, config, source)
        return path if (path / MANIFEST).is_file() else None
    names = tuple(f"{name}." for name in _store_names(corpus, config))
    matching = [path for path in stores_in(root) if f"{path.name}.".startswith(names)]
    return max(matching, key=_creation_time, default=None)


def find_store_by_hash(root: Path, corpus: str, content: str) -> Path | None:
    """Return the path of the store of a corpus that holds exactly what a hash stands for."""
    for path in _stores_named_after(root, corpus):
        with suppress(SynthError):  # one that is damaged is not it
            if store_hash(read_store_manifest(path)["files"]) == content:
                return path
    return None


def last_source(root: Path, corpus: str) -> Path | None:
    """Return exactly what the newest store of a corpus was asked to read; None where none was named."""
    stores = _read_manifests(root, corpus)
    newest = max(stores, key=lambda path: str(stores[path]["created"]), default=None)
    return None if newest is None else find_given_source(stores[newest], newest)


def all_sources(root: Path, corpus: str) -> list[str]:
    """Return what the stores of a corpus were read from, each once, the newest first."""
    stores = _read_manifests(root, corpus)
    found: dict[str, None] = {}
    for path in sorted(stores, key=lambda path: str(stores[path]["created"]), reverse=True):
        try:
            found[str(find_given_source(stores[path], path))] = None
        except SynthError:  # a pattern it does not note
            found[f"{stores[path]['source']['path']}/…"] = None
    return list(found)


def _stores_named_after(root: Path, corpus: str) -> list[Path]:
    """Return the stores whose names begin with a corpus's: its own, and of one that goes on with a dot."""
    names = (f"{shorten_name(corpus)}.", f"{former_name(corpus)}.")
    return [path for path in stores_in(root) if path.name.startswith(names)]


def _read_manifests(root: Path, corpus: str) -> dict[Path, Manifest]:
    """Return the manifests of all stores of a corpus."""
    found = {path: read_store_manifest(path) for path in _stores_named_after(root, corpus)}
    return {path: manifest for path, manifest in found.items() if manifest["corpus"] == corpus}


def _creation_time(path: Path) -> str:
    return str(read_store_manifest(path)["created"])


__all__ = [
    "Store",
    "all_sources",
    "find_store",
    "find_store_by_hash",
    "last_source",
    "open_store",
    "store_path",
    "stores_in",
    "stores_root",
]
