"""The feed-forward part of a block: W_2 σ(W_1 x)."""

from torch import Tensor, nn

from synthcli.model.activations import ACTIVATIONS, ActivationName
from synthcli.model.dropout import Dropout


class FeedForward(nn.Module):
    """Two linear maps with a non-linearity and dropout between them."""

    def __init__(self, d_model: int, d_ff: int, activation: ActivationName, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Linear(d_model, d_ff)
        self.activation = ACTIVATIONS[activation]
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(d_ff, d_model)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.output(self.dropout(self.activation(self.expand(x))))
        return y
