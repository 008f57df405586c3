"""Skipless block (SAS): a pre-norm block whose mixer has no skip  (He & Hofmann 2023, section 4, figure 10).

What keeps the signal alive is shaped attention with identity values: at the start M = I and the block is
x + 0.1 ff(norm(norm x)). A configuration that says nothing else gets both (`ModelConfig`).
"""

from typing import Literal

from synthcli.model.blocks.pre_norm import GainName, NormsBeforeConfig, PreNorm
from synthcli.model.gains import Residual
from synthcli.model.norms import NormName


class SkiplessConfig(NormsBeforeConfig):
    """`mixer_skip = 0.0` puts back a skip that training may open."""

    kind: Literal["skipless"] = "skipless"
    norm: NormName = "rms"
    mixer_skip: float | None = None
    feed_forward_residual: Residual = 0.1
    trainable_gains: bool | tuple[GainName, ...] = True


class Skipless(PreNorm):
    """The wiring is that of pre-norm; only the gains differ."""
