"""The fields of a task as one text, each after its name, as T5 reads them (Raffel et al. 2020).

Short fields come first: a text too long for the model loses its end.
"""

from collections.abc import Mapping


class Fields(str):
    """A text made of named fields; `values` are their own texts, as the corpus has them."""

    values: tuple[str, ...]


def filled(fields: Mapping[str, str]) -> Fields:
    """Return `premise: … hypothesis: …` on one line, in the order given."""
    text = Fields(" ".join(f"{name}: {' '.join(text.split())}" for name, text in fields.items()))
    text.values = tuple(fields.values())
    return text
