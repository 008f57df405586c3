"""The tokenizer of a store, trained on the training split where nothing else defines it."""

from collections.abc import Iterator
from pathlib import Path

from synthcli.atomic_files import new_folder
from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import Corpus, Source
from synthcli.data.corpora.forms import shape_row
from synthcli.data.corpora.reading import lines
from synthcli.data.prepare.sharding import count_text_bytes, row_texts
from synthcli.data.tokenizers import Tokenizer, load_tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.base import NAMED
from synthcli.data.tokenizers.word_level import UNKNOWN, WordTokenizer, frequent_words, max_words
from synthcli.errors import SynthError
from synthcli.progress import Progress

ROWS_AT_ONCE = 2_000  # between two reports
NO_WORDS = (*UNKNOWN, "<S>", "</S>", "<s>", "</s>", "<eos>", "<pad>")  # of a published list

"""Called with what is being done, rows done, and rows in all where they are known."""


def obtain_tokenizer(
    folder: Path,
    config: TokenizerConfig,
    corpus: Corpus,
    opened: Source,
    report: Progress,
    cache: Path | None = None,
) -> Tokenizer:
    """Return the tokenizer saved in a folder; make it and save it there first if there is none."""
    if not folder.exists():
        made = make_tokenizer(config, corpus, opened, report, cache)
        made.form = config.form or made.form
        with new_folder(folder) as beside:
            made.save(beside)
    return load_tokenizer(folder)


def make_tokenizer(
    config: TokenizerConfig, corpus: Corpus, opened: Source, report: Progress, cache: Path | None = None
) -> Tokenizer:
    """Return a tokenizer; words are those its publisher lists, or counts often enough.

    One that was trained before on the same text is taken from `cache`.
    """
    texts = read_training_texts(opened, report, config.form or NAMED)
    if config.kind != "words" or config.files is not None:
        return train_or_load_tokenizer(config, texts, cache)
    if opened.vocabulary is not None:
        return _read_word_list(config, opened.vocabulary)
    return frequent_words(config, texts, corpus.least_count)


def read_training_texts(opened: Source, report: Progress, form: str = NAMED) -> Iterator[str]:
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
        count_text_bytes(shaped, "train", number)
        yield from row_texts(shaped)
    report("training the tokenizer", 0, None)


def _read_word_list(config: TokenizerConfig, path: Path) -> WordTokenizer:
    """Return the most frequent words of a published list, one a line, as many as there is room for.

    Words with counts are put in their falling order, on which the clusters of an adaptive softmax depend;
    others keep theirs. The tokens of a sentence's ends and of unknown words are no words.
    """
    counts: dict[str, int] = {}
    for number, line in enumerate(lines(path), start=1):
        word, *rest = line.split() or [""]
        if not word or len(rest) > 1 or not all(count.isdecimal() for count in rest):
            message = f"`{path}` holds no word with its count at line {number}"
            raise SynthError(message, "take the publisher's copy, or move the file away")
        if word in counts:
            raise SynthError(f"`{path}` names `{word}` twice, again at line {number}", "delete the second")
        counts[word] = int(rest[0]) if rest else 0
    words = sorted((word for word in counts if word not in NO_WORDS), key=lambda word: -counts[word])
    if not words:
        raise SynthError(f"`{path}` holds no words", "take the publisher's copy, or move the file away")
    return WordTokenizer(words[: max_words(config)])
