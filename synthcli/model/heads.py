"""From the last hidden states to logits."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class LanguageModelHead(nn.Module):
    """Logits over the vocabulary: H Wᵀ. `weight` may be the embedding matrix itself."""

    def __init__(self, d_model: int, vocab_size: int, tied_to: Tensor | None = None) -> None:
        super().__init__()
        self.weight = tied_to if tied_to is not None else nn.Parameter(torch.empty(vocab_size, d_model))

    def forward(
        self,
        hidden: Float[Tensor, "batch length d_model"],
        select: Bool[Tensor, "batch length"] | None = None,
    ) -> Tensor:
        """Return (batch, length, vocabulary), or (selected, vocabulary) of the positions in `select`."""
        if select is not None:
            hidden = hidden[select]
        return nn.functional.linear(hidden, self.weight)


class ClassifierHead(nn.Module):
    """Logits over classes from the mean of the real positions, or from the first."""

    def __init__(self, d_model: int, num_classes: int, pool: Literal["mean", "first"]) -> None:
        super().__init__()
        self.pool = pool
        self.output = nn.Linear(d_model, num_classes)

    def forward(
        self, hidden: Float[Tensor, "batch length d_model"], padding: Bool[Tensor, "batch length"] | None
    ) -> Float[Tensor, "batch classes"]:
        if self.pool == "first":
            pooled = hidden[:, 0]
        elif padding is None:
            pooled = hidden.mean(dim=1)
        else:
            real = (~padding)[:, :, None].to(hidden.dtype)
            pooled = (hidden * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)
        logits: Tensor = self.output(pooled)
        return logits
