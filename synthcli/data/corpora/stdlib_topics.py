"""`stdlib-topics`: which part of the standard library a function belongs to."""

from collections import Counter

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.source import Row
from synthcli.data.corpora.stdlib import LAYOUT, LICENCE, URL, functions, split_rows

# Parts of similar size that stand in every Python from 3.11 on.
PACKAGES = {
    "arithmetic": "_pydecimal fractions statistics random numbers _pydatetime datetime calendar",
    "asyncio": "asyncio",
    "email": "email mailbox",
    "importing": "importlib pkgutil zipimport runpy modulefinder",
    "processes": "multiprocessing concurrent",
    "testing": "unittest doctest",
    "web": "http urllib xmlrpc wsgiref",
    "xml": "xml",
}
CLASS_NAMES = tuple(PACKAGES)
LONGEST_FUNCTION = 2_000  # characters
MOST_OF_A_CLASS = 450


def _make_stdlib_topics() -> dict[str, list[Row]]:
    """Return functions and their part's number, no class much larger than another."""
    label_of = {
        package: label for label, packages in enumerate(PACKAGES.values()) for package in packages.split()
    }
    seen: Counter[int] = Counter()
    keyed: list[tuple[str, Row]] = []
    for function in functions():
        label = label_of.get(function.package)
        if label is None or len(function.source) > LONGEST_FUNCTION or seen[label] == MOST_OF_A_CLASS:
            continue
        seen[label] += 1
        keyed.append((function.source.partition("\n")[2], {"text": function.source, "label": label}))
    return split_rows(keyed)


TOPICS = Corpus(
    name="stdlib-topics",
    kind="labelled",
    title="Functions of Python's standard library by the part they belong to",
    licence=LICENCE,
    url=URL,
    layout=LAYOUT,
    class_names=CLASS_NAMES,
    generate=_make_stdlib_topics,
)
