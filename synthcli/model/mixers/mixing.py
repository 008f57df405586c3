"""How several score functions become one S  (Tay et al. 2021, section 3.1: S = Σ_i α_i S_i)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

MixName = Literal["softmax", "sum", "gate"]


class Mixing(nn.Module):
    """Coefficients of the sum, one row a head: (heads, number of scores); here all are 1."""

    def __init__(self, heads: int, count: int) -> None:
        super().__init__()
        self.heads, self.count = heads, count

    def initialise_parameters(self) -> None:
        """Start from equal weights; there is nothing to draw here."""

    def coefficients(self) -> Tensor | None:
        """Return α (heads, scores), or None where every coefficient is 1."""
        return None

    def forward(self, scores: Sequence[Tensor]) -> Tensor:
        """Return Σ_i α_i S_i of tensors (…, heads, queries, keys)."""
        alpha = self.coefficients()
        if alpha is not None:
            scores = [a[:, None, None].to(s.dtype) * s for a, s in zip(alpha.unbind(1), scores, strict=True)]
        total = scores[0]
        for other in scores[1:]:
            total = total + other
        return total


class SoftmaxMixing(Mixing):
    """α = softmax of learned numbers, per head and layer: the paper's."""

    def __init__(self, heads: int, count: int) -> None:
        super().__init__(heads, count)
        self.logits = nn.Parameter(torch.empty(heads, count))
        self.logits.no_weight_decay = True  # type: ignore[attr-defined]

    def initialise_parameters(self) -> None:
        nn.init.zeros_(self.logits)

    def coefficients(self) -> Tensor:
        return self.logits.softmax(dim=1)


class GateMixing(Mixing):
    """Two scores, (1 − σ(g))·S_1 + σ(g)·S_2 with one gate a head: the hybrids of the reproduction."""

    def __init__(self, heads: int, count: int) -> None:
        super().__init__(heads, count)
        self.gate = nn.Parameter(torch.empty(heads))
        self.gate.no_weight_decay = True  # type: ignore[attr-defined]

    def initialise_parameters(self) -> None:
        nn.init.zeros_(self.gate)

    def coefficients(self) -> Tensor:
        gate = self.gate.sigmoid()
        return torch.stack((1 - gate, gate), dim=1)


MIXINGS: dict[str, type[Mixing]] = {"softmax": SoftmaxMixing, "sum": Mixing, "gate": GateMixing}
