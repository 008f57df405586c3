"""The text a tokenizer learns from: a sample of the training split, the same each time, and small in memory.

Texts are cut into chunks, and of the first `READ_AT_MOST` characters every chunk has the same chance
(reservoir sampling, Vitter 1985, algorithm R, with a fixed seed). What follows those is not read.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

# More text than this changes the length of a coded text by about one per cent.
CHARACTERS_PER_PIECE = 500
SAMPLED_AT_MOST = 2**27  # characters, whatever the vocabulary
READ_AT_MOST = 2**31  # characters: all of WMT14 and of the One Billion Word benchmark's first half
CHUNK = 400  # characters; documents are cut, since training takes time in the square of long lines
SEED = 0


@dataclass(frozen=True)
class Sample:
    """Chunks of text, and how many characters they were drawn from."""

    chunks: list[str]
    read: int

    @cached_property
    def hash(self) -> str:
        """The sha256 of the chunks in their order."""
        digest = hashlib.sha256()
        for chunk in self.chunks:
            content = chunk.encode(errors="surrogatepass")
            digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()

    def describe(self) -> dict[str, int | str]:
        """Return what a tokenizer's description records."""
        sampled = sum(map(len, self.chunks))
        return {"characters_read": self.read, "characters_sampled": sampled, "sample_sha256": self.hash}


def draw_sample(vocab_size: int, texts: Iterable[str]) -> Sample:
    """Return a sample large enough for a vocabulary."""
    return sample_characters(texts, min(vocab_size * CHARACTERS_PER_PIECE, SAMPLED_AT_MOST))


def sample_characters(texts: Iterable[str], characters: int) -> Sample:
    """Return about as many characters as wanted, every chunk with the same chance."""
    characters = max(characters, CHUNK)
    wanted, draw = 0, random.Random(SEED)
    sample: list[str] = []
    length = read = 0
    for seen, chunk in enumerate(_cut_chunks(texts)):
        read += len(chunk)
        if length + len(chunk) <= characters:
            sample.append(chunk)
            length += len(chunk)
            wanted = len(sample)
        elif (place := draw.randrange(seen + 1)) < wanted:
            sample[place] = chunk
        if read >= READ_AT_MOST:
            break
    return Sample(sample, read)


def _cut_chunks(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts that are not blank, long ones in pieces."""
    for text in texts:
        if text.strip():
            yield from (text[start : start + CHUNK] for start in range(0, len(text), CHUNK))
