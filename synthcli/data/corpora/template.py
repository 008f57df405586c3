"""The fields of a task as one text, each after its name, as T5 reads them (Raffel et al. 2020).

Short fields come first: a text too long for the model loses its end.
"""

from collections.abc import Mapping


def filled(fields: Mapping[str, str]) -> str:
    """Return `premise: … hypothesis: …` on one line, in the order given."""
    return " ".join(f"{name}: {' '.join(text.split())}" for name, text in fields.items())
