"""Tokenizers: text to ids and back, trained or loaded, saved beside what uses them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers.base import DESCRIPTION, Tokenizer
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer
from synthcli.data.tokenizers.sentence_pieces import SentencePieceTokenizer, train
from synthcli.data.tokenizers.wordpiece import WordPieceTokenizer, wordpiece_for
from synthcli.data.tokenizers.words import WordTokenizer, words_for
from synthcli.errors import SynthError, did_you_mean

UNIGRAM, BPE = "sentencepiece-unigram", "sentencepiece-bpe"
BARE = ("wordpiece", "words")  # kinds that a vocabulary file alone defines

TOKENIZERS: dict[str, Callable[[Path], Tokenizer]] = {
    UNIGRAM: lambda folder: SentencePieceTokenizer.load(UNIGRAM, folder),
    BPE: lambda folder: SentencePieceTokenizer.load(BPE, folder),
    "gpt2": Gpt2Tokenizer.load,
    "bytes": ByteTokenizer.load,
    "wordpiece": WordPieceTokenizer.load,
    "words": WordTokenizer.load,
}

MAKERS: dict[str, Callable[[TokenizerConfig, Iterable[str]], Tokenizer]] = {
    UNIGRAM: train,
    BPE: train,
    "gpt2": lambda config, texts: gpt2_for(config),
    "bytes": lambda config, texts: ByteTokenizer(),
    "wordpiece": wordpiece_for,
    "words": words_for,
}


def train_or_load_tokenizer(config: TokenizerConfig, texts: Iterable[str]) -> Tokenizer:
    """Return the tokenizer of a configuration; `texts` are read only where it is trained."""
    if config.files and (Path(config.files) / DESCRIPTION).is_file():
        return load_tokenizer(Path(config.files))
    return MAKERS[config.kind](config, texts)


def gpt2_for(config: TokenizerConfig) -> Gpt2Tokenizer:
    """Return GPT-2's from its files, or from the hub."""
    return Gpt2Tokenizer.load(Path(config.files)) if config.files else Gpt2Tokenizer.from_hub()


def tokenizer_in(config: TokenizerConfig) -> Tokenizer:
    """Return the tokenizer that `files` holds, saved by `Tokenizer.save` or as a bare vocabulary."""
    is_bare = config.kind in BARE and not (Path(config.files or "") / DESCRIPTION).is_file()
    return MAKERS[config.kind](config, []) if is_bare else load_tokenizer(Path(config.files or ""))


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read what `Tokenizer.save` wrote; a missing, unknown or changed one is refused."""
    path = folder / DESCRIPTION
    try:
        description = json.loads(path.read_text())
        load = TOKENIZERS[description["kind"]]
        tokenizer = load(folder)
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise SynthError(
            f"`{folder}` holds no tokenizer: `{missing}` is missing", "prepare it again"
        ) from error
    except KeyError as error:
        kind = error.args[0]
        raise SynthError(f"unknown tokenizer `{kind}` in `{path}`", did_you_mean(kind, TOKENIZERS)) from error
    except ValueError as error:
        raise SynthError(f"`{path}` cannot be read: {error}", "prepare it again") from error
    if tokenizer.hash != description.get("hash"):
        raise SynthError(
            f"the tokenizer in `{folder}` is not the one its description names", "prepare it again"
        )
    return tokenizer


__all__ = ["TOKENIZERS", "Tokenizer", "load_tokenizer", "tokenizer_in", "train_or_load_tokenizer"]
