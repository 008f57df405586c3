"""`stdlib-docstrings`: from a function without its docstring to that docstring's first sentence."""

import re

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.source import Row
from synthcli.data.corpora.stdlib import LAYOUT, LICENCE, URL, functions, split_rows

LONGEST_FUNCTION = 2_000  # characters
SHORTEST_SENTENCE, LONGEST_SENTENCE = 10, 200

SENTENCE_END = re.compile(r"\.(?=\s|$)|\n\s*\n")


def first_sentence(docstring: str) -> str:
    """Return the first sentence on one line, its full stop included."""
    end = SENTENCE_END.search(docstring)
    sentence = docstring[: end.end()] if end else docstring
    return " ".join(sentence.split())


def make_stdlib_docstrings() -> dict[str, list[Row]]:
    """Return the pairs; the body decides the split, so the same code never stands on two sides."""
    return split_rows(
        (function.bare.partition("\n")[2], {"source": function.bare, "target": sentence})
        for function in functions()
        if function.docstring is not None and len(function.bare) <= LONGEST_FUNCTION
        for sentence in [first_sentence(function.docstring)]
        if SHORTEST_SENTENCE <= len(sentence) <= LONGEST_SENTENCE
    )


DOCSTRINGS = Corpus(
    name="stdlib-docstrings",
    kind="pairs",
    title="A function of Python's standard library to the first sentence of its docstring",
    licence=LICENCE,
    url=URL,
    layout=LAYOUT,
    generate=make_stdlib_docstrings,
)
