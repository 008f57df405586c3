"""Classes by name: a corpus numbers its classes in one order, a model in another."""

import shlex
from dataclasses import dataclass

import numpy as np

from synthcli.data.store.ragged import Indices
from synthcli.errors import SynthError

IN_ANOTHER_ORDER = "classes are matched by name: the corpus has them in another order than the model"
UNKNOWN = "the model does not name its classes: they are taken to be the corpus's, in its order"


@dataclass(frozen=True)
class ModelClasses:
    """A model's classes: their number, and their names in its order, None where nobody named them."""

    number: int
    names: tuple[str, ...] | None = None

    def match_classes(self, corpus: str, theirs: tuple[str, ...]) -> Indices:
        """Return the model's number of each class of a corpus; a class that the model lacks is refused."""
        if self.names is None:
            if len(theirs) != self.number:
                raise SynthError(
                    f"`{corpus}` has {len(theirs)} classes, {_quote_names(theirs)}, and the model has"
                    f" {self.number}, which nobody named",
                    _suggest_teaching(corpus),
                )
            return np.arange(self.number)
        places = {name: _find_class(name, self.names) for name in theirs}
        strange = tuple(name for name, place in places.items() if place is None)
        if strange:
            classes = "class" if len(strange) == 1 else "classes"
            raise SynthError(
                f"`{corpus}` has the {classes} {_quote_names(strange)},"
                f" and the model knows {_quote_names(self.names)}",
                _suggest_teaching(corpus),
            )
        found = np.array([place for place in places.values() if place is not None], dtype=np.int64)
        if len(set(found.tolist())) < len(theirs):
            raise SynthError(
                f"the classes {_quote_names(theirs)} of `{corpus}` are not told apart by the model's names"
                f" {_quote_names(self.names)}",
                _suggest_teaching(corpus),
            )
        return found

    def describe_match(self, theirs: tuple[str, ...], places: Indices) -> str | None:
        """Say what one has to know of how classes were matched."""
        if self.names is None:
            return UNKNOWN
        return None if (places == np.arange(len(theirs))).all() else IN_ANOTHER_ORDER


def _find_class(name: str, names: tuple[str, ...]) -> int | None:
    """Return where a name stands; one that is spelt alike but for capitals will do where no other is."""
    if name in names:
        return names.index(name)
    alike = [place for place, other in enumerate(names) if other.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _quote_names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _suggest_teaching(corpus: str) -> str:
    command = f"synth finetune … --corpus {shlex.quote(corpus)}"
    return f"name a corpus of the model's classes, or teach it these: `{command}`"
