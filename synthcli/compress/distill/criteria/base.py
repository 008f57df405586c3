"""What a criterion is: how far a student's layer is from the teacher's, a mean over real tokens alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from synthcli.compress.activations.remaining_layers import LayersAfter
from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.mixers import Attention, Mixer

POSITIONS = "positions of real tokens"  # what a context has once they are known

Loss = Callable[[nn.Module, Tensor, Tensor, Context], Tensor]


@dataclass(frozen=True)
class Given:
    """What criteria are made of.

    `teacher` is the mixer that the student replaces; `variance` is E‖y − ȳ‖² over tokens; `rest` runs the
    rest of the whole teacher, `model`, after a layer: (stream, context) → logits. `relation_heads` is that
    of `relation`.
    """

    teacher: nn.Module
    variance: float = 1.0
    rest: LayersAfter | None = None
    model: nn.Module | None = None
    relation_heads: int | None = None


@dataclass(frozen=True)
class Criterion:
    """`loss(student, x, y, context)` is summed over real tokens: the student reads x and aims at y.

    `fixed` are modules it runs besides the student; they have to be where the student is.
    `fits_output` is False where it looks at maps of attention alone: values and output are fitted besides.
    `is_error` is True where it is the NMSE that is reported. `of_layer` is True where the student is a whole
    layer, not its mixer.
    """

    name: str
    loss: Loss = field(repr=False)
    fits_output: bool = True
    is_error: bool = False
    of_layer: bool = False
    fixed: tuple[nn.Module, ...] = field(default=(), repr=False)


def real_rows(values: Tensor, context: Context) -> Tensor:
    """Return rows of real tokens out of (batch, length, …), in float32 at least."""
    wide = values.to(torch.promote_types(values.dtype, torch.float32))
    padding = context.key_padding
    if padding is None:
        return wide.flatten(0, 1)
    positions = context.once(POSITIONS, lambda: (~padding).flatten().nonzero()[:, 0])
    assert positions is not None
    return wide.flatten(0, 1).index_select(0, positions)


def refuse_other_mixers(name: str, teacher: nn.Module, student: nn.Module) -> None:
    """Raise where a criterion reads attention and there is none."""
    for who, mixer in (("teacher", teacher), ("student", student)):
        if not isinstance(mixer, Attention):
            assert isinstance(mixer, Mixer)
            kind = mixer.config.name()
            message = f"criterion `{name}` compares maps of attention, and the {who}'s mixer is `{kind}`"
            raise SynthError(message, "use `--criterion mse`, which every mixer can be held to")
