"""Non-linearities by name."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from synthcli.model_config.names import ActivationName

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu-tanh": partial(F.gelu, approximate="tanh"),
    "leaky-relu": F.leaky_relu,
    "silu": F.silu,
    "tanh": torch.tanh,
}


def activation(name: ActivationName, negative_slope: float) -> Callable[[Tensor], Tensor]:
    """Return a non-linearity; the slope below 0 is that of `leaky-relu` alone."""
    if name == "leaky-relu":
        return partial(F.leaky_relu, negative_slope=negative_slope)
    return ACTIVATIONS[name]
