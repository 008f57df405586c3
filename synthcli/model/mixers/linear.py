"""No mixing: y = W x + b at every position, the plainest thing that can stand for a mixer."""

from jaxtyping import Float
from torch import Tensor, nn

from synthcli.model.context import Context
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model_config.mixers import LinearConfig


class Linear(Mixer):
    """No position reads another, so there is no state to keep."""

    reads_input = True
    writes_stream = True

    def __init__(self, config: LinearConfig, site: Site) -> None:
        super().__init__(config, site)
        self.config = config
        self.output = nn.Linear(site.d_model, site.d_model)

    def initial_state(self) -> None:
        return None

    def forward(
        self, x: Float[Tensor, "batch length d_model"], context: Context, state: None = None
    ) -> tuple[Float[Tensor, "batch length d_model"], None]:
        return self.output(x), None
