"""Tasks with one right answer: a model that has learnt them scores 100 per cent.

Sources are random words over a-z, each in one split only; the three tasks share them.
"""

import random
from collections.abc import Callable
from itertools import islice
from string import ascii_lowercase

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.source import Row

ROWS = {"train": 20_000, "validation": 500, "test": 500}
SHORTEST, LONGEST = 3, 12
SEED = 20_210_524


def _draw_words(count: int, seed: int = SEED) -> list[str]:
    """Return distinct random words, their lengths uniform."""
    draw, found = random.Random(seed), dict[str, None]()
    while len(found) < count:
        length = draw.randint(SHORTEST, LONGEST)
        found["".join(draw.choices(ascii_lowercase, k=length))] = None
    return list(found)


def _make_exact_answer(answer: Callable[[str], str]) -> dict[str, list[Row]]:
    """Return the splits of the task whose answer to a word is `answer(word)`."""
    pool = iter(_draw_words(sum(ROWS.values())))
    return {
        split: [{"source": word, "target": answer(word)} for word in islice(pool, count)]
        for split, count in ROWS.items()
    }


def _declare_task(name: str, title: str, answer: Callable[[str], str]) -> Corpus:
    """Declare one task."""
    return Corpus(
        name=name,
        kind="pairs",
        title=title,
        licence="none needed: random letters",
        url="https://docs.python.org/3/library/random.html",
        layout="nothing: it is made on the spot",
        rows=ROWS,
        tokenizer="bytes",
        generate=lambda: _make_exact_answer(answer),
    )


COPY = _declare_task("copy", "Repeat a random word", lambda word: word)
REVERSE = _declare_task("reverse", "Spell a random word backwards", lambda word: word[::-1])
SORT = _declare_task("sort", "Put the letters of a random word in order", lambda word: "".join(sorted(word)))
