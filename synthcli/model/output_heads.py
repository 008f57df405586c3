"""From the last hidden states to logits."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from synthcli.model.activations import activation
from synthcli.model_config.heads import HeadConfig, PoolName
from synthcli.model_config.names import ActivationName


class Transform(nn.Module):
    """norm(σ(W h + b))  (Devlin et al. 2019)."""

    def __init__(self, d_model: int, kind: ActivationName, negative_slope: float, norm_eps: float) -> None:
        super().__init__()
        self.dense = nn.Linear(d_model, d_model)
        self.activation = activation(kind, negative_slope)
        self.norm = nn.LayerNorm(d_model, norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        y: Tensor = self.norm(self.activation(self.dense(hidden)))
        return y


class LanguageModelHead(nn.Module):
    """Logits over the vocabulary: H Wᵀ + b. `tied_to` may be the embedding matrix itself."""

    def __init__(
        self,
        d_model: int,
        vocab_size: int,
        tied_to: Tensor | None = None,
        bias: bool = False,
        transform: Transform | None = None,
    ) -> None:
        super().__init__()
        self.weight = tied_to if tied_to is not None else nn.Parameter(torch.empty(vocab_size, d_model))
        self.bias = nn.Parameter(torch.empty(vocab_size)) if bias else None
        self.transform = transform

    def forward(self, hidden: Float[Tensor, "*rest d_model"]) -> Float[Tensor, "*rest vocabulary"]:
        if self.transform is not None:
            hidden = self.transform(hidden)
        return nn.functional.linear(hidden, self.weight, self.bias)


class ClassifierHead(nn.Module):
    """Logits over classes from the mean of the real positions, from the first or from the last."""

    def __init__(self, d_model: int, num_outputs: int, config: HeadConfig) -> None:
        super().__init__()
        self.pool = config.pool
        self.pooler = nn.Linear(d_model, d_model) if config.pooler else None
        self.output = nn.Linear(d_model, num_outputs)

    def forward(
        self, hidden: Float[Tensor, "batch length d_model"], padding: Bool[Tensor, "batch length"] | None
    ) -> Float[Tensor, "batch classes"]:
        pooled = pool_positions(hidden, padding, self.pool)
        if self.pooler is not None:
            pooled = torch.tanh(self.pooler(pooled))
        logits: Tensor = self.output(pooled)
        return logits


def pool_positions(
    hidden: Float[Tensor, "batch length d_model"],
    padding: Bool[Tensor, "batch length"] | None,
    kind: PoolName,
) -> Float[Tensor, "batch d_model"]:
    """Return one vector of a sequence; its mean is that of the real positions."""
    if kind == "first":
        return hidden[:, 0]
    if kind == "last":
        return _last(hidden, padding)
    if padding is None:
        return hidden.mean(dim=1)
    real = (~padding)[:, :, None].to(hidden.dtype)
    return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)


def _last(hidden: Tensor, padding: Tensor | None) -> Tensor:
    """Return the vector of each row's last real position; padding stands at the end."""
    if padding is None:
        return hidden[:, -1]
    last = ((~padding).sum(dim=1) - 1).clamp_min(0)
    return hidden.gather(1, last[:, None, None].expand(-1, 1, hidden.shape[2]))[:, 0]
