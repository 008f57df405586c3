"""How several score functions become one S  (Tay et al. 2021, section 3.1: S = Σ_i α_i S_i)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthcli.model.parameters import without_decay
from synthcli.model_config.attention import EVEN


class Mixing(nn.Module):
    """Coefficients of the sum, one row a head: (heads, number of scores); here all are 1.

    `gate_init` is where a gate starts, if there is one.
    """

    def __init__(self, heads: int, count: int, gate_init: float = EVEN) -> None:
        super().__init__()
        self.heads, self.count, self.gate_init = heads, count, gate_init

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

    def __init__(self, heads: int, count: int, gate_init: float = EVEN) -> None:
        super().__init__(heads, count, gate_init)
        self.logits = without_decay(nn.Parameter(torch.empty(heads, count)))

    def initialise_parameters(self) -> None:
        nn.init.zeros_(self.logits)

    def coefficients(self) -> Tensor:
        return self.logits.softmax(dim=1)


class GateMixing(Mixing):
    """Two scores, (1 − σ(g))·S_1 + σ(g)·S_2 with one gate a head, σ(g) = `gate_init` at the start: the
    hybrids of the reproduction."""

    def __init__(self, heads: int, count: int, gate_init: float = EVEN) -> None:
        super().__init__(heads, count, gate_init)
        self.gate = without_decay(nn.Parameter(torch.empty(heads)))

    def initialise_parameters(self) -> None:
        nn.init.constant_(self.gate, math.log(self.gate_init / (1 - self.gate_init)))

    def coefficients(self) -> Tensor:
        gate = self.gate.sigmoid()
        return torch.stack((1 - gate, gate), dim=1)


MIXINGS: dict[str, type[Mixing]] = {"softmax": SoftmaxMixing, "sum": Mixing, "gate": GateMixing}
