"""Blocks: how mixer and feed-forward are wired. Adding one is a file here and a line in `BLOCKS`."""

from typing import Annotated, Any

from pydantic import Field

from synthcli.model.blocks.base import Block, BlockParts, BlockState
from synthcli.model.blocks.parallel import Parallel, ParallelConfig
from synthcli.model.blocks.post_norm import PostNorm, PostNormConfig
from synthcli.model.blocks.pre_norm import PreNorm, PreNormConfig
from synthcli.model.blocks.recurrent import RecurrentBlock, RecurrentBlockConfig
from synthcli.model.blocks.skipless import Skipless, SkiplessConfig
from synthcli.model.blocks.skipless_parallel import SkiplessParallel, SkiplessParallelConfig

BLOCKS: dict[str, Any] = {
    "pre-norm": PreNorm,
    "post-norm": PostNorm,
    "parallel": Parallel,
    "skipless": Skipless,
    "skipless-parallel": SkiplessParallel,
    "recurrent": RecurrentBlock,
}

BlockConfig = Annotated[
    PreNormConfig
    | PostNormConfig
    | ParallelConfig
    | SkiplessConfig
    | SkiplessParallelConfig
    | RecurrentBlockConfig,
    Field(discriminator="kind"),
]

__all__ = ["BLOCKS", "Block", "BlockConfig", "BlockParts", "BlockState"]
