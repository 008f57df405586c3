"""The tokenizer of a store, trained on the training split where nothing else defines it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import Corpus, Source
from synthcli.data.corpora.forms import NAMED, shape_row
from synthcli.data.prepare.published_words import published_words
from synthcli.data.prepare.sharding import size_of, texts_of
from synthcli.data.tokenizers import Tokenizer, load_tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.words import frequent_words
from synthcli.durable import new_folder
from synthcli.errors import SynthError

ROWS_AT_ONCE = 2_000  # between two reports

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, rows done, and rows in all where they are known."""


def tokenizer_at(
    folder: Path,
    config: TokenizerConfig,
    corpus: Corpus,
    opened: Source,
    report: Progress,
    cache: Path | None = None,
) -> Tokenizer:
    """Return the tokenizer saved in a folder; make it and save it there first if there is none."""
    if not folder.exists():
        made = tokenizer_for(config, corpus, opened, report, cache)
        made.form = config.form or made.form
        with new_folder(folder) as beside:
            made.save(beside)
    return load_tokenizer(folder)


def tokenizer_for(
    config: TokenizerConfig, corpus: Corpus, opened: Source, report: Progress, cache: Path | None = None
) -> Tokenizer:
    """Return a tokenizer; words are those its publisher lists, or counts often enough.

    One that was trained before on the same text is taken from `cache`.
    """
    texts = training_texts(opened, report, config.form or NAMED)
    if config.kind != "words" or config.files is not None:
        return train_or_load_tokenizer(config, texts, cache)
    if opened.vocabulary is not None:
        return published_words(config, opened.vocabulary)
    return frequent_words(config, texts, corpus.least_count)


def training_texts(opened: Source, report: Progress, form: str = NAMED) -> Iterator[str]:
    """Yield the texts of the training split in a form, all those of a row, for a tokenizer to learn from."""
    if "train" not in opened.splits:
        raise SynthError(
            "there is no training split to learn a tokenizer from",
            "take one that is trained: `--tokenizer-files DIR`, or `--tokenizer bytes`",
        )
    for number, row in enumerate(opened.read("train"), start=1):
        if number % ROWS_AT_ONCE == 1:
            report("reading for the tokenizer", number - 1, None)
        shaped = shape_row(row, form)
        size_of(shaped, "train", number)
        yield from texts_of(shaped)
    report("training the tokenizer", 0, None)
