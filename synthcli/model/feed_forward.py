"""The feed-forward part of a block: W_2 σ(W_1 x), or gated W_2 (σ(W_1 x) ⊙ W_3 x)  (Shazeer 2020)."""

from torch import Tensor, nn

from synthcli.model.activations import activation
from synthcli.model.dropout import Dropout
from synthcli.model.joined_maps import NOTHING, Joining, read_map
from synthcli.model_config.names import ActivationName


class FeedForward(Joining):
    """Two linear maps with a non-linearity and dropout between them; `d_ff` is the width the second reads."""

    writes_stream = True

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        kind: ActivationName,
        dropout: float,
        gated: bool = False,
        bias: bool = True,
        negative_slope: float = 0.01,
    ) -> None:
        super().__init__()
        self.expand = nn.Linear(d_model, d_ff, bias)
        self.gate = nn.Linear(d_model, d_ff, bias) if gated else None
        self.activation = activation(kind, negative_slope)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(d_ff, d_model, bias)

    def maps_of_one_input(self) -> tuple[nn.Module, ...]:
        return (self.expand,) if self.gate is None else (self.expand, self.gate)

    def forward(self, x: Tensor) -> Tensor:
        done = NOTHING if self.joined is None else self.joined(x)
        hidden = self.activation(read_map(self.expand, x, done))
        if self.gate is not None:
            hidden = hidden * read_map(self.gate, x, done)
        y: Tensor = self.output(self.dropout(hidden))
        return y
