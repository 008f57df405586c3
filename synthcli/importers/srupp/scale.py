"""`scale_x`: the constant by which each layer of the original multiplies its skipped input.

It is √(1 + 2 exp(highway_bias)) where the model was built with `rescale`, else 1, and stands in the file.
The original computes with what stands there, and so does ours, whatever the bias is said to be.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.importers.options import OriginalOptions
from synthcli.importers.spare import Spare
from synthcli.model.mixers.sru import Recurrent

CLOSE = 1e-6  # relative: the file holds seven digits
HELD = "the factor of the skipped input, which the configuration holds as `rescale`"
NOT_SKIPPED = "a factor of the skipped input, in a layer that skips none or has a map for it"


def _check_factor(expected: float) -> Callable[[Tensor], str | None]:
    """Return a check that a constant is what ours multiplies by."""

    def check(tensor: Tensor) -> str | None:
        if tensor.numel() != 1:
            return f"of shape {tuple(tensor.shape)} is no single factor"
        stored = float(tensor)
        is_same = math.isclose(stored, expected, rel_tol=CLOSE)
        return None if is_same else f"is {stored:g}, and the skipped input is multiplied by {expected:g}"

    return check


SPARES = (Spare(r"\.scale_x$", HELD, _check_factor(1.0)), Spare(r"\.scale_x$", NOT_SKIPPED))


def _scale_name(layer: int) -> str:
    """Return the name of a layer's constant."""
    return f"rnn_lst.{layer}.scale_x"


def infer_scales(
    options: OriginalOptions, tensors: dict[str, Tensor], acts: Sequence[bool]
) -> list[dict[str, object]]:
    """Return `rescale`, and `highway_bias` where the options do not say it, of each layer.

    `acts` tells which layers skip their input as it is. The others, which read no factor, are like the first
    of these.
    """
    found = [_scale(options, tensors, layer) if is_read else None for layer, is_read in enumerate(acts)]
    first: dict[str, object] = next((one for one in found if one is not None), {})
    return [first if one is None else one for one in found]


def scale_spares(mixers: Iterable[nn.Module]) -> list[Spare]:
    """Return what becomes of the constants: no tensor of ours is made of one."""
    rules = []
    for layer, mixer in enumerate(mixers):
        assert isinstance(mixer, Recurrent)
        name = rf"^rnn_lst\.{layer}\.scale_x$"
        is_read = mixer.config.skip and mixer.blocks == 3
        rules.append(
            Spare(name, HELD, _check_factor(mixer.skip_scale)) if is_read else Spare(name, NOT_SKIPPED)
        )
    return rules


def _scale(options: OriginalOptions, tensors: dict[str, Tensor], layer: int) -> dict[str, object]:
    name = _scale_name(layer)
    is_said, is_rescaled = options.says("rescale"), options.switch("rescale")
    if name not in tensors:
        return {"rescale": is_rescaled}
    stored = _read_factor(name, tensors[name])
    if stored != 1 and is_said and not is_rescaled:
        raise SynthError(
            f"`{name} = {stored:g}` rescales the skip, and `rescale = False` of the {options.family}",
            "leave `rescale` out, and the file decides",
        )
    if stored == 1:
        return {"rescale": False}
    bias = options.number("highway_bias") if options.says("highway_bias") else _bias_of(stored)
    if bias is not None and math.isclose(_by_bias(bias), stored, rel_tol=CLOSE):
        return {"rescale": True, "highway_bias": bias}
    return {"rescale": stored}


def _read_factor(name: str, tensor: Tensor) -> float:
    if tensor.numel() != 1 or not tensor.is_floating_point():
        raise SynthError(
            f"`{name}` of shape {tuple(tensor.shape)} is no single factor", "is the file damaged?"
        )
    stored = float(tensor)
    if not 0 < stored < math.inf:
        raise SynthError(f"`{name} = {stored:g}` is no rescaling", "the file is damaged: fetch it anew")
    return stored


def _by_bias(bias: float) -> float:
    """√(1 + 2 exp b)."""
    return math.sqrt(1 + 2 * math.exp(bias)) if bias < 100 else math.inf


def _bias_of(scale: float) -> float | None:
    """Return the bias that gives a factor; one below 1 is of none."""
    return math.log((scale**2 - 1) / 2) if scale > 1 else None
