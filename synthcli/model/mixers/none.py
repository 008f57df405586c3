"""A mixer taken out: y = b, the mean of what stood there, whatever the input."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthcli.model.context import Context
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model_config.mixers import NoneConfig


class NoMixer(Mixer):
    """It does not read x, so a block gives it no norm; b starts at 0."""

    reads_input = False

    def __init__(self, config: NoneConfig, site: Site) -> None:
        super().__init__(config, site)
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
