"""The command that trains on a store just made, to be copied as it stands."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.data.store.store import Store

STREAMS = {
    ("enwik8", "bytes"): "srupp-enwik8-base",
    ("stdlib-bytes", "bytes"): "srupp-enwik8-base",
    ("wikitext-103", "words"): "srupp-wikitext-103-base",
    ("lm1b", "words"): "srupp-lm1b-base",
}
SUMMARIES = {"cnn-dailymail": "cnn-dailymail-vanilla", "stdlib-docstrings": "cnn-dailymail-vanilla"}
PRESETS = {
    "text": "lm1b-vanilla",
    "pairs": "wmt14-vanilla",
    "labelled": "agnews-vanilla",
    "scored": "glue-stsb-vanilla",
    "choices": "superglue-copa-vanilla",
}
METRICS = {"text": "perplexity", "pairs": "bleu", "scored": "correlation"}  # of others: accuracy
REGRESSION = ("model.head.output=regression", 'evaluation.metrics=["correlation"]')  # smoke learns classes
SMALL = 10_000  # rows of one's own that the scale `smoke` sees about once


def training_command(store: "Store", source: Path | None = None) -> str:
    """Name the training that suits a store: with its corpus, source, tokenizer and vocabulary.

    `source` is what the user named; else what the store notes. One without rows of train is for evaluation.
    """
    from synthcli.data.corpora import find_corpus
    from synthcli.data.store.origin import find_given_source, stores_root

    corpus, kind = find_corpus(store.corpus), store.manifest["tokenizer"]["kind"]
    named = source
    with suppress(SynthError):  # an old store that does not note its pattern is found by its corpus
        named = source or find_given_source(store.manifest, store.path)
    reading = [] if named is None else ["--source", str(named)]
    if "train" not in store.splits:
        metric = METRICS.get(corpus.kind, "accuracy")
        return shlex.join(["synth", "eval", metric, "--corpus", store.corpus, *reading])
    preset = STREAMS.get((store.corpus, kind), SUMMARIES.get(store.corpus, PRESETS[corpus.kind]))
    is_small = corpus.builtin or (corpus.finds_source and store.rows("train") < SMALL)
    overrides = [*overrides_of(store), *(REGRESSION if is_small and corpus.kind == "scored" else ())]
    words = ["synth", "train", preset, "--scale", "smoke" if is_small else "hour", *reading]
    words += [word for override in overrides for word in ("--set", override)]
    is_elsewhere = store.path.parent.resolve() != stores_root().resolve()
    where = f"SYNTH_STORES={shlex.quote(str(store.path.parent))} " if is_elsewhere else ""
    return where + shlex.join(words)


def overrides_of(store: "Store") -> list[str]:
    """Return the settings by which training finds this store and no other."""
    from synthcli.data.config import FIXED_SIZES
    from synthcli.presets.dumping import write_toml_value

    tokenizer, name = store.manifest["tokenizer"], store.corpus
    settings = [f"data.corpus={name if name == name.strip() else write_toml_value(name)}"]
    settings.append(f"data.tokenizer.kind={tokenizer['kind']}")
    if tokenizer["kind"] not in FIXED_SIZES:
        settings.append(f"data.tokenizer.vocab_size={tokenizer['requested']}")
    if "files" in tokenizer:
        settings.append(f"data.tokenizer.files={write_toml_value(tokenizer['files'])}")
    if "form" in tokenizer:
        settings.append(f"data.tokenizer.form={tokenizer['form']}")
    return settings


def prepare_corpus_command(
    corpus: str, source: Path | str | None, kind: str, vocab_size: int | None, files: Path | str | None
) -> str:
    """Name the preparation of a corpus with a tokenizer; without a size, as large as kind or files say."""
    words = ["synth", "prepare-corpus", corpus]
    words += [] if source is None else ["--source", str(source)]
    words += ["--tokenizer", kind]
    words += [] if vocab_size is None else ["--vocab-size", str(vocab_size)]
    words += [] if files is None else ["--tokenizer-files", str(files)]
    return shlex.join(words)
