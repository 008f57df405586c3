"""Value and output projections: plain, none at all, or an identity that training may leave.

W = α W_init + β ΔW, ΔW from 0  (He & Hofmann 2023, arXiv 2311.01906, equation 6).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthcli.model.parameters import in_rate_group
from synthcli.model_config.projections import FullConfig, InitName, ProjectionConfig, ResidualConfig


class Residual(nn.Module):
    """y = x (α W_init + β ΔW)ᵀ + b; W_init is a buffer, except the identity, which needs none."""

    def __init__(self, config: ResidualConfig, width: int) -> None:
        super().__init__()
        self.config = config
        self.weight = in_rate_group(nn.Parameter(torch.empty(width, width)), "residual")
        self.bias = nn.Parameter(torch.empty(width)) if config.bias else None
        self.initial: Tensor | None
        self.register_buffer("initial", None if config.init == "identity" else torch.empty(width, width))
        if config.trainable_gains:
            self.skip = in_rate_group(nn.Parameter(torch.empty(())), "gains")
            self.residual = in_rate_group(nn.Parameter(torch.empty(())), "gains")

    def initialise_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        if self.initial is not None:
            initialise_map(self.initial, self.config.init)
        if self.config.trainable_gains:
            nn.init.constant_(self.skip, self.config.skip)
            nn.init.constant_(self.residual, self.config.residual)

    def merge_weight(self) -> Tensor:
        """Return W = α W_init + β ΔW  (out, in)."""
        alpha: Tensor | float = self.skip if self.config.trainable_gains else self.config.skip
        beta: Tensor | float = self.residual if self.config.trainable_gains else self.config.residual
        delta = beta * self.weight
        if self.initial is not None:
            return delta + alpha * self.initial
        ones = torch.ones(len(delta), dtype=delta.dtype, device=delta.device)
        return delta + torch.diag(alpha * ones)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.merge_weight(), self.bias)


class Full(nn.Linear):
    """A linear map that may start orthogonal or as the identity."""

    def __init__(self, config: FullConfig, width_in: int, width_out: int) -> None:
        super().__init__(width_in, width_out, config.bias)
        self.init = config.init

    def initialise_parameters(self) -> None:
        """Draw the weight where it does not start like every other linear map."""
        if self.init != "default":
            initialise_map(self.weight, self.init)


def build_projection(config: ProjectionConfig, width_in: int, width_out: int) -> nn.Module:
    """Return the module of a projection; all but a full one keep the width."""
    if isinstance(config, FullConfig):
        return Full(config, width_in, width_out)
    if width_in != width_out:
        raise ValueError(f"a projection of kind `{config.kind}` cannot turn {width_in} into {width_out}")
    return Residual(config, width_in) if isinstance(config, ResidualConfig) else nn.Identity()


@torch.no_grad()
def initialise_map(weight: Tensor, init: InitName) -> None:
    """Fill a matrix: the identity, an orthogonal one, or N(0, 1/width)."""
    if init == "identity":
        nn.init.eye_(weight)
    elif init == "orthogonal":
        weight.normal_()  # a draw by the weight's name, which `orthogonal_` goes on from
        nn.init.orthogonal_(weight)
    else:
        nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
