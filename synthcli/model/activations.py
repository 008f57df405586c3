"""Elementwise non-linearities by name."""

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

ActivationName = Literal["relu", "gelu"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
