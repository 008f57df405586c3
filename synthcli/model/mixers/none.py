"""A mixer taken out: y = b, the mean of what stood there, whatever the input."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthcli.config import Config
from synthcli.model.context import Context
from synthcli.model.mixers.base import Site


class NoneConfig(Config):
    """It has nothing to choose."""

    kind: Literal["none"] = "none"

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width: nothing."""
        return []


class NoMixer(nn.Module):
    """It does not read x, so a block gives it no norm; b starts at 0."""

    reads_input = False

    def __init__(self, config: NoneConfig, site: Site) -> None:
        super().__init__()
        self.config = config
        self.bias = nn.Parameter(torch.empty(site.d_model))

    def initialise_parameters(self) -> None:
        nn.init.zeros_(self.bias)

    def initial_state(self) -> None:
        return None

    def forward(
        self, x: Float[Tensor, "batch length d_model"], context: Context, state: None = None
    ) -> tuple[Float[Tensor, "batch length d_model"], None]:
        return self.bias.to(x.dtype).expand_as(x), None
