"""What a parameter says of itself to the optimizer."""

from typing import Literal

from torch import nn

RateGroup = Literal["gains", "residual"]


def without_decay(parameter: nn.Parameter) -> nn.Parameter:
    """Mark a parameter as one that weight decay leaves alone; return it."""
    parameter.no_weight_decay = True  # type: ignore[attr-defined]  # tensors take attributes that torch does not list
    return parameter


def in_rate_group(parameter: nn.Parameter, group: RateGroup) -> nn.Parameter:
    """Mark a parameter as one of a group with a learning rate of its own; return it."""
    parameter.rate_group = group  # type: ignore[attr-defined]  # the same
    return parameter
