"""`two-letters`: rows in which a masked token can be told by the rest of its row alone.

A row draws two letters of the alphabet and then each of its letters from the two. Whoever sees no more than a
place says any letter, at a perplexity of 26; whoever attends to the row says one of two, at 2.
"""

import random
from string import ascii_lowercase

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.source import Row

ROWS = {"train": 20_000, "validation": 500, "test": 500}
LETTERS, LENGTH = 2, 16
SEED = 20_220_101


def make_two_letters() -> dict[str, list[Row]]:
    """Return the splits; every row is in one alone."""
    draw, found = random.Random(SEED), dict[str, None]()
    while len(found) < sum(ROWS.values()):
        own = draw.sample(ascii_lowercase, LETTERS)
        found[" ".join(draw.choices(own, k=LENGTH))] = None
    texts = iter(found)
    return {split: [{"text": next(texts)} for _ in range(count)] for split, count in ROWS.items()}


TWO_LETTERS = Corpus(
    name="two-letters",
    kind="text",
    title="Rows of two random letters each",
    licence="none needed: random letters",
    url="https://docs.python.org/3/library/random.html",
    layout="nothing: it is made on the spot",
    rows=ROWS,
    tokenizer="wordpiece",
    vocab_size=57,  # of letters, of letters within words, and special tokens
    generate=make_two_letters,
)
