"""The form in which a classifier reads the texts of a row; a checkpoint keeps that of its training.

`named` is one text, each field after its name, as T5 reads them (Raffel et al. 2020). `plain` is the texts
alone, as most other models were trained: one as it is, several as a pair, the first and what follows it.
"""

from collections.abc import Mapping
from typing import cast

from synthcli.data.corpora.source import Row
from synthcli.data.tokenizers.base import FORMS, PLAIN
from synthcli.errors import SynthError, did_you_mean

FORMED = ("labelled", "scored", "choices")  # the kinds of rows that have a form

Pair = tuple[str, str | None]


class Fields(str):
    """A text made of named fields; `values` are their own texts, as the corpus has them."""

    values: tuple[str, ...]


def join_fields(fields: Mapping[str, str]) -> Fields:
    """Return `premise: … hypothesis: …` on one line, in the order given: short fields first.

    A text too long for the model loses its end.
    """
    text = Fields(" ".join(f"{name}: {' '.join(text.split())}" for name, text in fields.items()))
    text.values = tuple(fields.values())
    return text


def check_form(word: str) -> str:
    """Return the form of that name."""
    if word not in FORMS:
        raise SynthError(f"unknown form `{word}`", did_you_mean(word, FORMS))
    return word


def shape_row(row: Row, form: str) -> Row:
    """Return a row with its texts in a form: `text` or `choices`, and `second` or `seconds` of pairs."""
    if form != PLAIN:
        return row
    if "choices" in row:
        firsts, seconds = zip(*map(_split_fields, row["choices"]), strict=True)
        return _replace_texts(row, "choices", firsts, "seconds", seconds)
    if "text" in row:
        first, second = _split_fields(row["text"])
        return _replace_texts(row, "text", first, "second", second)
    return row


def _split_fields(text: str) -> Pair:
    """Return the first field alone, and the others one after the other, None where there is no other."""
    if not isinstance(text, Fields):
        return text, None
    first, *others = text.values
    return first, " ".join(others) if others else None


def _replace_texts(row: Row, name: str, first: object, other: str, second: object) -> Row:
    """Return a row with other texts; those of one field have no second ones."""
    is_pair = second is not None and (not isinstance(second, tuple) or None not in second)
    changed = {**row, name: first, **({other: second} if is_pair else {})}
    return cast(Row, changed)
