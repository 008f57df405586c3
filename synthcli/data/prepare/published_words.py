"""The fixed list of words that a benchmark publishes, one a line, with its count or without.

The marks of a sentence's ends and of unknown words are no words. Words with counts are put in their falling
order, on which the clusters of an adaptive softmax depend; others keep theirs.
"""

from pathlib import Path

from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora.reading import lines
from synthcli.data.tokenizers.words import UNKNOWN, WordTokenizer, room_for
from synthcli.errors import SynthError

MARKS = (*UNKNOWN, "<S>", "</S>", "<s>", "</s>", "<eos>", "<pad>")


def published_words(config: TokenizerConfig, path: Path) -> WordTokenizer:
    """Return the most frequent words of a published list, as many as there is room for."""
    counts: dict[str, int] = {}
    for number, line in enumerate(lines(path), start=1):
        word, *rest = line.split() or [""]
        if not word or len(rest) > 1 or not all(count.isdecimal() for count in rest):
            message = f"`{path}` holds no word with its count at line {number}"
            raise SynthError(message, "take the publisher's copy, or move the file away")
        if word in counts:
            raise SynthError(f"`{path}` names `{word}` twice, again at line {number}", "delete the second")
        counts[word] = int(rest[0]) if rest else 0
    words = sorted((word for word in counts if word not in MARKS), key=lambda word: -counts[word])
    if not words:
        raise SynthError(f"`{path}` holds no words", "take the publisher's copy, or move the file away")
    return WordTokenizer(words[: room_for(config)])
