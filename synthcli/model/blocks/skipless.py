"""Skipless block (SAS): a pre-norm block whose mixer has no skip  (He & Hofmann 2023, section 4, figure 10).

What keeps the signal alive is shaped attention with identity values: at the start M = I and the block is
x + 0.1 ff(norm(norm x)). A configuration that says nothing else gets both (`ModelConfig`).
"""

from synthcli.model.blocks.pre_norm import PreNorm


class Skipless(PreNorm):
    """The wiring is that of pre-norm; only the gains differ."""
