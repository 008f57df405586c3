"""Words that several tables choose from."""

from typing import Literal

ActivationName = Literal["relu", "gelu", "gelu-tanh", "leaky-relu", "silu", "tanh"]
NormName = Literal["layer", "rms", "dyt", "none"]
