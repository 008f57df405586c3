"""What a mixer needs to know about the positions it mixes."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from synthcli.errors import SynthError

Once = Callable[[Hashable, Callable[[], Tensor | None]], Tensor | None]


def make_anew(name: Hashable, make: Callable[[], Tensor | None]) -> Tensor | None:
    """Return what `make` returns: nothing is kept under the name."""
    return make()


@dataclass(frozen=True)
class Context:
    """`start` is the position of the first query. `key_padding` is True at keys to be ignored.

    With `memory`, keys and values are read from it in place of x. `documents` numbers the document
    of every position of a packed window, rising; nothing is read from another document. With `window`, a
    causal query sees itself and that many positions before it. `made` is what one layer made of all that for
    the layers after it.
    """

    start: int = 0
    causal: bool = False
    key_padding: Bool[Tensor, "batch keys"] | None = None
    memory: Float[Tensor, "batch keys d_model"] | None = None
    documents: Int[Tensor, "batch keys"] | None = None
    window: int | None = None
    made: dict[Hashable, Tensor | None] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: Hashable, make: Callable[[], Tensor | None]) -> Tensor | None:
        """Return what `make` returned when the first layer asked for it by this name."""
        if torch.compiler.is_compiling():  # sizes that a program leaves open are no names
            return make()
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    @property
    def has_plain_window(self) -> bool:
        """True where nothing but causality limits what a query sees."""
        limits = (self.key_padding, self.documents, self.window)
        return self.start == 0 and all(limit is None for limit in limits)


def too_long(length: int, limit: int) -> SynthError:
    """The error for a sequence that a table of positions or scores has no row for."""
    return SynthError(
        f"a sequence of {length} positions is longer than this model's `max_length = {limit}`",
        "shorten the input, or train with a larger `model.encoder.max_length` / `model.decoder.max_length`",
    )
