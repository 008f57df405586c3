"""`stdlib-code` and `stdlib-bytes`: language modelling on Python's own source."""

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.source import Row
from synthcli.data.corpora.stdlib import LAYOUT, LICENCE, URL, functions, modules, split_rows

LONGEST_FUNCTION = 4_000  # characters; a handful are longer
LONGEST_MODULE = 40_000


def _function_rows() -> dict[str, list[Row]]:
    """Return one row a function; the body decides the split, so copies under other names do not leak."""
    return split_rows(
        (function.source.partition("\n")[2], {"text": function.source})
        for function in functions()
        if len(function.source) <= LONGEST_FUNCTION
    )


def _module_rows() -> dict[str, list[Row]]:
    """Return one row a module."""
    return split_rows((text, {"text": text}) for _, text in modules() if 0 < len(text) <= LONGEST_MODULE)


CODE = Corpus(
    name="stdlib-code",
    kind="text",
    title="Functions of Python's standard library",
    licence=LICENCE,
    url=URL,
    layout=LAYOUT,
    generate=_function_rows,
)
BYTES = Corpus(
    name="stdlib-bytes",
    kind="text",
    title="Modules of Python's standard library, as bytes",
    licence=LICENCE,
    url=URL,
    layout=LAYOUT,
    tokenizer="bytes",
    has_words=False,
    generate=_module_rows,
)
