"""Skipless parallel block (SAS-P): y = β_FF ff(h) + β_SA mixer(h), h = norm x, no skip at all
(He & Hofmann 2023, section 4, figure 11)."""

from typing import Literal

from synthcli.model.blocks.parallel import GainName, Parallel, WideConfig
from synthcli.model.gains import Residual
from synthcli.model.norms import NormName


class SkiplessParallelConfig(WideConfig):
    """`skip = 0.0` puts back a skip that training may open."""

    kind: Literal["skipless-parallel"] = "skipless-parallel"
    norm: NormName = "rms"
    skip: float | None = None
    feed_forward_residual: Residual = 0.1
    trainable_gains: bool | tuple[GainName, ...] = True


class SkiplessParallel(Parallel):
    """The wiring is that of the parallel block; only the gains differ."""
