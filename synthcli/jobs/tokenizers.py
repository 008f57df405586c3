"""Tokenizers of their own: trained on files or a corpus, and found by whatever name they have."""

from dataclasses import dataclass
from pathlib import Path

from synthcli.atomic_files import new_folder
from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import find_corpus
from synthcli.data.corpora.local_files.file_format import OwnFileFormat
from synthcli.data.corpora.reading import lines
from synthcli.data.prepare.vocabulary import make_tokenizer, read_training_texts
from synthcli.data.store.store import stores_root
from synthcli.data.tokenizers import TRAINERS, Tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.find_tokenizer import find_tokenizer
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer
from synthcli.data.tokenizers.training_cache import CACHE
from synthcli.data.tokenizers.word_level import frequent_words
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError
from synthcli.progress import Progress
from synthcli.runs.finding import find_checkpoint

ELSEWHERE = "choose another folder with `-o DIR`"


@dataclass(frozen=True)
class Training:
    """A tokenizer, and the text it learns from: files, or the training split of a corpus."""

    config: TokenizerConfig
    files: tuple[Path, ...]
    corpus: str | None
    source: Path | None
    least_count: int | None  # of a word; none: the corpus decides


def refuse(training: Training, output: Path) -> None:
    """Refuse what does not go together, before any text is read."""
    kind, files, corpus = training.config.kind, training.files, training.corpus
    if kind != "words" and kind not in TRAINERS:
        raise SynthError(f"`{kind}` is not trained", f"use it as it is: `--tokenizer {kind}`")
    if bool(files) == (corpus is not None):
        message = "either files or `--corpus` must be given" + (", not both" if files else "")
        raise SynthError(message, "`synth tokenizer train FILE... -o DIR`")
    if training.source is not None and corpus is None:
        raise SynthError("`--source` belongs to `--corpus`", "name the corpus, or leave it out")
    if training.least_count is not None and kind != "words":
        raise SynthError(f"`--least-count` is for `words`, not `{kind}`", "leave it out")
    for path in files:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise SynthError(f"the text file `{path}` {what}", "name files of text, plain or .gz")
    if output.exists():
        raise SynthError(f"`{output}` exists already", ELSEWHERE)
    refuse_unwritable(output, ELSEWHERE)


def train_or_reuse(training: Training, report: Progress) -> Tokenizer:
    """Return a tokenizer, from the cache of the stores where the same text was trained on before."""
    config, cache = training.config, stores_root() / CACHE
    if training.corpus is None:
        report("training the tokenizer", 0, None)
        texts = (line for path in training.files for line in lines(path, form=OwnFileFormat()))
        if config.kind == "words":
            return frequent_words(config, texts, training.least_count or 1)
        return train_or_load_tokenizer(config, texts, cache)
    corpus = find_corpus(training.corpus)
    opened = corpus.open(training.source)
    if training.least_count is not None:
        return frequent_words(config, read_training_texts(opened, report), training.least_count)
    return make_tokenizer(config, corpus, opened, report, cache)


def write(tokenizer: Tokenizer, output: Path) -> None:
    """Write a tokenizer to a new folder, whole or not at all."""
    with guard_write(f"`{output}`", output, ELSEWHERE), new_folder(output, replaces=True) as folder:
        tokenizer.save(folder)


def notes_of(tokenizer: Tokenizer | None) -> tuple[str, ...]:
    """Return what is worth knowing of how files were read that their publisher made."""
    return tokenizer.notes if isinstance(tokenizer, HuggingFaceTokenizer) else ()


def tokenizer_named(place: str) -> Tokenizer:
    """Return the tokenizer of a folder, of a store by its name, or of a checkpoint or run by its."""
    for path in (Path(place), stores_root() / place):
        if path.exists() and not (path / "checkpoints").is_dir():
            return find_tokenizer(path)
    try:
        checkpoint = find_checkpoint(place)
    except SynthError as error:
        if not error.message.startswith("unknown checkpoint"):
            raise
        message = f"there is no folder, store or checkpoint `{place}`"
        raise SynthError(message, "`synth prepare-corpus NAME` makes a store") from error
    return find_tokenizer(checkpoint)
