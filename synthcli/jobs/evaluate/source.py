"""What a model is evaluated on: all of a file that is named for it, and what of a corpus was cut."""

from pathlib import Path

from synthcli.data.config import DataConfig
from synthcli.data.corpora import find_corpus
from synthcli.data.corpora.local_files.split_rule import uncut
from synthcli.data.corpora.splitting import CutFolder
from synthcli.data.store.store import Store, find_store, find_store_by_hash, open_store, stores_root
from synthcli.errors import SynthError
from synthcli.presets.schema import Experiment
from synthcli.runs import Run


def is_own_source(own: DataConfig, corpus: str | None, source: Path | None) -> bool:
    """Whether a corpus and source, as far as they are named, are those a model was trained on."""
    if corpus not in (None, own.corpus):
        return False
    if source is None or own.source is None:
        return source is None
    return source.resolve() == Path(own.source).resolve()


def with_whole_file(data: DataConfig) -> DataConfig:
    """Return data not cut into splits where one file is named, or files called after a held-out split."""
    corpus = find_corpus(data.corpus)
    if data.source is None or not corpus.finds_source:
        return data
    whole, source = data.model_copy(update={"corpus": uncut(data.corpus)}), Path(data.source)
    try:
        opened = corpus.open(source)
    except SynthError:  # it has gone: a store of it may be there
        is_there = find_store(stores_root(), uncut(data.corpus), data.tokenizer, source)
        return data if is_there is None else whole
    is_cut = isinstance(opened, CutFolder) and opened.is_whole and not opened.rule.is_asked
    return whole if is_cut else data


def notes_on_store(store: Store, split: str, run: Run | None, own: Experiment | None) -> tuple[str, ...]:
    """Say what of its files a split is, and what of it a model may have seen in training."""
    cut = store.describe_cut(split)
    notes = [] if cut is None else [cut]
    trained_on = None if run is None else run.store_hash
    if own is None or trained_on in (None, store.hash):
        return tuple(notes)
    assert trained_on is not None
    path = find_store_by_hash(stores_root(), own.data.corpus, trained_on)
    shared = [] if path is None else find_shared_files(store, open_store(path))
    if shared:
        notes.append(f"the model was trained on rows of {', '.join(f'`{name}`' for name in shared)}")
    elif path is None and store.corpus == own.data.corpus:
        notes.append("the store of its training is not here: its training may have read rows of this split")
    return tuple(notes)


def find_shared_files(store: Store, other: Store) -> list[str]:
    """Return the source files of a store that are, byte for byte, among those of another."""
    known = {file["sha256"] for file in other.manifest["source"].get("files", ())}
    files = store.manifest["source"].get("files", ())
    return [file["path"] for file in files if file["sha256"] in known]
