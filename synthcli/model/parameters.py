"""What a parameter says of itself to the optimizer."""

from torch import nn


def without_decay(parameter: nn.Parameter) -> nn.Parameter:
    """Mark a parameter as one that weight decay leaves alone; return it."""
    parameter.no_weight_decay = True  # type: ignore[attr-defined]
    return parameter
