"""Words between white space, by falling count in the training split; the rest are unknown.

The vocabularies of WikiText (Merity et al. 2016) and of the One Billion Word benchmark (Chelba et al. 2013)
are of this kind. `<unk>`, which these corpora write for rare words, is the unknown word itself.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers.base import Saved
from synthcli.data.tokenizers.vocabulary_file import FILE, check_size, read_entries, written
from synthcli.errors import SynthError

UNKNOWN = ("<unk>", "<UNK>")


class WordTokenizer(Saved):
    """A list of words; pad, bos, eos and unk are 0 to 3, the words follow. Frequent words have low ids."""

    kind = "words"
    specials = 4
    pad_id, bos_id, eos_id, unk_id = range(specials)

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.ids = {word: number for number, word in enumerate(words, start=self.specials)}

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls([word for word in read_entries(folder, cls.kind) if word not in UNKNOWN])

    @property
    def vocab_size(self) -> int:
        return self.specials + len(self.words)

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.kind.encode() + written(self.words)).hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        ids, unknown = self.ids, self.unk_id
        return [[ids.get(word, unknown) for word in text.split()] for text in texts]

    def decode(self, ids: list[int]) -> str:
        """Return the words with a space between: white space is not kept."""
        return " ".join(self.words[i - self.specials] for i in ids if i >= self.specials)

    def files(self) -> dict[str, bytes]:
        return {FILE: written(self.words)}


def words_for(config: TokenizerConfig, texts: Iterable[str]) -> WordTokenizer:
    """Return the words of the file in `files`, or the most frequent of texts."""
    if config.files is None:
        return frequent_words(config, texts)
    tokenizer = WordTokenizer.load(Path(config.files))
    check_size(Path(config.files), tokenizer.vocab_size, config.vocab_size)
    return tokenizer


def frequent_words(config: TokenizerConfig, texts: Iterable[str], least_count: int = 1) -> WordTokenizer:
    """Return the most frequent words of texts, none of which stands there less than `least_count` times."""
    room = room_for(config)
    counts = Counter(word for text in texts for word in text.split())
    for word in UNKNOWN:
        del counts[word]
    if not counts:
        raise SynthError("no text to take words from", "prepare a corpus that is not empty")
    kept = [word for word, count in counts.items() if count >= least_count]
    if not kept:
        message = f"no word of the text stands there {least_count} times or more"
        raise SynthError(message, "prepare more of the corpus")
    return WordTokenizer(sorted(kept, key=lambda word: (-counts[word], word))[:room])


def room_for(config: TokenizerConfig) -> int:
    """Return how many words a vocabulary has room for."""
    room = config.vocab_size - WordTokenizer.specials
    if room < 1:
        raise SynthError(
            f"`words` with `vocab_size = {config.vocab_size}` has no room for a word",
            f"{WordTokenizer.specials} ids are special: set `data.tokenizer.vocab_size` higher",
        )
    return room
