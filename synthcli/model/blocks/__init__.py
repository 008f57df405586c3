"""Blocks: how mixer and feed-forward are wired. Adding one is a file here and a line in `BLOCKS`."""

from synthcli.model.blocks.base import Block, BlockParts, BlockState
from synthcli.model.blocks.parallel import Parallel
from synthcli.model.blocks.post_norm import PostNorm
from synthcli.model.blocks.pre_norm import PreNorm
from synthcli.model.blocks.recurrent import RecurrentBlock
from synthcli.model.blocks.skipless import Skipless
from synthcli.model.blocks.skipless_parallel import SkiplessParallel

BLOCKS: dict[str, type[Block]] = {
    "pre-norm": PreNorm,
    "post-norm": PostNorm,
    "parallel": Parallel,
    "skipless": Skipless,
    "skipless-parallel": SkiplessParallel,
    "recurrent": RecurrentBlock,
}

__all__ = ["BLOCKS", "Block", "BlockParts", "BlockState"]
