"""Blocks: how mixer and feed-forward are wired. Adding one is a file here and a line in `BLOCKS`."""

from typing import Annotated, Any

from pydantic import Field

from synthcli.model.blocks.base import Block, BlockParts, BlockState
from synthcli.model.blocks.post_norm import PostNorm, PostNormConfig
from synthcli.model.blocks.pre_norm import PreNorm, PreNormConfig

BLOCKS: dict[str, Any] = {
    "pre-norm": PreNorm,
    "post-norm": PostNorm,
}

BlockConfig = Annotated[PreNormConfig | PostNormConfig, Field(discriminator="kind")]

__all__ = ["BLOCKS", "Block", "BlockConfig", "BlockParts", "BlockState"]
