"""Words between white space, by falling count in the training split; the rest are unknown.

The vocabularies of WikiText (Merity et al. 2016) and of the One Billion Word benchmark (Chelba et al. 2013)
are of this kind. `<unk>`, which these corpora write for rare words, is the unknown word itself.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from synthcli.data.tokenizers.base import Saved, special_name
from synthcli.data.tokenizers.vocabulary_file import FILE, check_size, format_entries, read_entries
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.data.config import TokenizerConfig  # pydantic takes long to import

UNKNOWN = ("<unk>", "<UNK>")
COUNTED_AT_MOST = 10_000_000  # different words: about a gigabyte


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
        return hashlib.sha256(self.kind.encode() + format_entries(self.words)).hexdigest()

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        ids, unknown = self.ids, self.unk_id
        return [[ids.get(word, unknown) for word in text.split()] for text in texts]

    def decode(self, ids: list[int]) -> str:
        """Return the words with a space between: white space is not kept."""
        return " ".join(self.words[i - self.specials] for i in ids if i >= self.specials)

    def token(self, number: int) -> str:
        return special_name(self, number) or self.words[number - self.specials]

    def files(self) -> dict[str, bytes]:
        return {FILE: format_entries(self.words)}


def read_word_vocabulary(config: "TokenizerConfig") -> WordTokenizer:
    """Return the words of the file in `files`."""
    folder = Path(config.files or "")
    tokenizer = WordTokenizer.load(folder)
    check_size(folder, tokenizer.vocab_size, config.vocab_size)
    return tokenizer


def frequent_words(config: "TokenizerConfig", texts: Iterable[str], least_count: int = 1) -> WordTokenizer:
    """Return the most frequent words of texts, none of which stands there less than `least_count` times."""
    room = max_words(config)
    counts, forgotten = _count_words(texts)
    if not counts:
        raise SynthError("no text to take words from", "prepare a corpus that is not empty")
    kept = [word for word, count in counts.items() if count >= least_count]
    if not kept:
        message = f"no word of the text stands there {least_count} times or more"
        raise SynthError(message, "prepare more of the corpus")
    tokenizer = WordTokenizer(sorted(kept, key=lambda word: (-counts[word], word))[:room])
    tokenizer.training = {
        "kind": config.kind,
        "requested": config.vocab_size,
        "least_count": least_count,
        "words_counted": len(counts),
        "forgotten_up_to": forgotten,
    }
    return tokenizer


def _count_words(texts: Iterable[str]) -> tuple[Counter[str], int]:
    """Count the words of texts, and return up to which count rare ones were forgotten on the way.

    That is 0 unless there are more than `COUNTED_AT_MOST` words, which bounds memory.
    """
    counts, forgotten = Counter[str](), 0
    for text in texts:
        counts.update(text.split())
        while len(counts) > COUNTED_AT_MOST:
            forgotten += 1
            counts = Counter({word: count for word, count in counts.items() if count > forgotten})
    for word in UNKNOWN:
        del counts[word]
    return counts, forgotten


def max_words(config: "TokenizerConfig") -> int:
    """Return how many words a vocabulary has room for."""
    room = config.vocab_size - WordTokenizer.specials
    if room < 1:
        raise SynthError(
            f"`words` with `vocab_size = {config.vocab_size}` has no room for a word",
            f"{WordTokenizer.specials} ids are special: set `data.tokenizer.vocab_size` higher",
        )
    return room
