"""Skipless parallel block (SAS-P): y = β_FF ff(h) + β_SA mixer(h), h = norm x, no skip at all
(He & Hofmann 2023, section 4, figure 11)."""

from synthcli.model.blocks.parallel import Parallel


class SkiplessParallel(Parallel):
    """The wiring is that of the parallel block; only the gains differ."""
