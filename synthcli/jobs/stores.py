"""The store an experiment trains on: found, or prepared on the spot."""

from pathlib import Path

from synthcli.data.config import DataConfig, TokenizerConfig
from synthcli.data.corpora import find_corpus
from synthcli.data.examples.class_matching import ModelClasses
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.prepare.source_changes import refuse_changed
from synthcli.data.store.store import (
    Store,
    all_sources,
    find_store,
    find_store_by_hash,
    last_source,
    open_store,
    stores_root,
)
from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.base import NAMED
from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from synthcli.model import ModelConfig
from synthcli.progress import Progress, no_progress


def store_for(data: DataConfig, progress: Progress = no_progress, used: str | None = None) -> Store:
    """Return the store of a corpus and tokenizer.

    One that does not exist yet is prepared: from the source named, from exactly what the newest store of the
    corpus was asked to read, from this Python, or from the hub. One whose source has changed is refused, but
    for the one a run was trained on: `used` is its hash, and it is taken wherever it came from.
    """
    root = stores_root()
    own = None if used is None else find_store_by_hash(root, data.corpus, used)
    if own is not None:
        return open_store(own)
    store = find_prepared_store(data)
    if store is not None:
        refuse_changed(store)
        return store
    source = None if data.source is None else Path(data.source)
    if source is None and not find_corpus(data.corpus).builtin:
        source = last_source(root, data.corpus)
    return prepare_store(data.corpus, data.tokenizer, root, source, progress)


def find_prepared_store(data: DataConfig) -> Store | None:
    """Return the store of a corpus and tokenizer if there is one."""
    source = None if data.source is None else Path(data.source)
    if source is None:
        refuse_several_sources(data.corpus)
    path = find_store(stores_root(), data.corpus, data.tokenizer, source)
    return None if path is None else open_store(path)


def refuse_several_sources(corpus: str) -> None:
    """Raise where it is not clear which of a user's own files are meant."""
    sources = all_sources(stores_root(), corpus) if find_corpus(corpus).finds_source else []
    if len(sources) > 1:
        named = " and ".join(f"`{source}`" for source in sources)
        raise SynthError(f"`{corpus}` was prepared from {named}", "say which: `--source PATH`")


def keep_tokenizer(tokenizer: Tokenizer, path: Path, form: str | None = None) -> TokenizerConfig:
    """Return the configuration that takes the tokenizer in a folder as it is, its texts in a form."""
    table = {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size, "files": str(path)}
    own = None if tokenizer.form == NAMED else tokenizer.form  # files that say nothing are of this form
    return TokenizerConfig.model_validate(table | {"form": form or own})


def examples_of(
    store: Store, split: str, model: ModelConfig, data: DataConfig, evaluating: EvaluationConfig | None = None
) -> Examples:
    """Return the examples of a split as this model reads them, in training or when it is evaluated."""
    streams = data.batch.size if evaluating is None else evaluating.streams
    return Examples(
        store,
        split,
        model.task,
        model.max_source_length,
        model.max_target_length,
        layout=data.layout,
        streams=streams if data.layout == "streams" else None,
        masking=data.masking,
        denoising=data.denoising,
        context=0 if evaluating is None else evaluating.context,
        has_types=model.task == "classification" and model.embeddings.token_types > 1,
        classes=None if model.num_classes is None else ModelClasses(model.num_classes, model.class_names),
    )
