"""A stack run block by block: hidden states, maps of attention, and blocks run again for gradients."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor, nn

from synthcli.exporters.hugging_face.remote.packing import Unpacked
from synthcli.exporters.hugging_face.remote.padding import Turn
from synthcli.model.blocks.base import Block, BlockState
from synthcli.model.context import Context
from synthcli.model.mixers.attention import Attention, AttentionState
from synthcli.model.stack import Stack, State

# runs a function of tensors now, and once more in the backward pass
Checkpointing = Callable[..., tuple[Tensor, BlockState | None]]


class Seen(NamedTuple):
    """`hidden`: what enters each block, and what leaves the last; maps of attention where they are wanted."""

    hidden: tuple[Tensor, ...]
    maps: tuple[Tensor, ...] = ()
    cross_maps: tuple[Tensor, ...] = ()


def run_stack(
    stack: Stack,
    x: Tensor,
    context: Context,
    cross: Context | None = None,
    state: State | None = None,
    *,
    checkpointing: Checkpointing | None = None,
    maps: bool = False,
) -> tuple[Seen, State | None]:
    """Return what `stack(x, …)` computes on its way, the norm at its end included."""
    hidden, states = [x], []
    with record_maps(stack, maps) as (own, across):
        for layer, block in enumerate(stack.blocks):
            past = None if state is None else state.blocks[layer]
            if checkpointing is None:
                x, block_state = block(x, context, cross, past)
            else:
                x, block_state = again(checkpointing, block, x, context, cross, past)
            hidden.append(x)
            states.append(block_state)
    hidden[-1] = stack.norm(x)
    new = None if state is None else State(state.position + x.shape[1], tuple(states))
    return Seen(tuple(hidden), tuple(own), tuple(across)), new


def again(
    checkpointing: Checkpointing,
    block: Block,
    x: Tensor,
    context: Context,
    cross: Context | None,
    state: BlockState | None,
) -> tuple[Tensor, BlockState | None]:
    """Run a block now, and once more in the backward pass; what gradients flow to is given as tensors."""

    def run(x: Tensor, memory: Tensor | None) -> tuple[Tensor, BlockState | None]:
        across = cross if cross is None else replace(cross, memory=memory)
        return block(x, context, across, state)

    return checkpointing(run, x, None if cross is None else cross.memory)


@contextmanager
def record_maps(stack: nn.Module, wanted: bool) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Record the maps of every attention that is called inside: of itself, and across to a memory."""
    own: list[Tensor] = []
    across: list[Tensor] = []

    def record(module: nn.Module, given: tuple[Tensor, Context, AttentionState | None]) -> None:
        assert isinstance(module, Attention)
        maps = across if module.is_cross else own
        maps.append(module.attention_map(*given))

    hooks = [module.register_forward_pre_hook(record) for module in attentions(stack)] if wanted else []
    try:
        yield own, across
    finally:
        for hook in hooks:
            hook.remove()


def attentions(stack: nn.Module) -> list[Attention]:
    return [module for module in stack.modules() if isinstance(module, Attention)]


def refuse_maps(stack: nn.Module) -> None:
    """Raise where a stack has no map of attention to show."""
    if not attentions(stack):
        raise ValueError(
            "`output_attentions` is not for this model: it has no attention, so there are no maps"
        )


def restore_rows(layout: Turn | Unpacked, seen: Seen) -> Seen:
    """Return what was seen as it stands in the rows of the caller."""
    hidden = tuple(layout.back(x) for x in seen.hidden)
    across = tuple(layout.back(x.transpose(1, 2)).transpose(1, 2) for x in seen.cross_maps)
    return Seen(hidden, tuple(layout.back_map(x) for x in seen.maps), across)
