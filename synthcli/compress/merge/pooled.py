"""Merged layers by two ridge solves, by where their heads and neurons come from."""

import copy
from collections.abc import Sequence
from typing import Any

import torch

from synthcli.compress.activations.capture import context_of
from synthcli.compress.assemble import New
from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.distill.fitting import Layer
from synthcli.compress.fidelity.nmse import NMSE
from synthcli.compress.merge.concatenate import is_plain, pool, pooled_attention, without_outputs
from synthcli.compress.merge.problem import Shape, Task
from synthcli.compress.merge.shapes import changes, merged_shape, mixer_of, shape_of
from synthcli.compress.merge.solving import solve
from synthcli.errors import SynthError
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import LinearConfig


def pooled(task: Task, wanted: MergedLayerConfig) -> New:
    """Return a layer of the heads and neurons of all layers that explain the teacher best together."""
    return _from_layers(task, wanted, task.span.layers)


def ridge_first(task: Task, wanted: MergedLayerConfig) -> New:
    """Return the first layer with both its maps into the stream solved for."""
    return _from_layers(task, wanted, [task.span.first])


def ridge_last(task: Task, wanted: MergedLayerConfig) -> New:
    """Return the last layer, likewise; it reads the stream before the first."""
    return _from_layers(task, wanted, [task.span.last])


def linear(task: Task, wanted: MergedLayerConfig) -> New:
    """Return a layer whose mixer is one linear map, with neurons of all layers."""
    if wanted.heads is not None or wanted.d_head is not None:
        raise SynthError("`--init linear` has no heads", "leave `--heads` and `--d-head` out")
    widths = [shape_of(task, layer).d_ff for layer in task.span.layers]
    d_ff = merged_shape(MergedLayerConfig(d_ff=wanted.d_ff), task, task.span.first, (1, sum(widths))).d_ff
    shape = Shape(LinearConfig(), d_ff)
    return best_meeting(task, pool(task, task.blocks, shape.mixer), shape)


def _from_layers(task: Task, wanted: MergedLayerConfig, layers: Sequence[int]) -> New:
    own = mixer_of(task, layers[0])
    blocks = [task.blocks[layer - task.span.first] for layer in layers]
    if len(layers) == 1 and not (isinstance(own, AttentionConfig) and is_plain(own)):
        return _as_it_is(task, wanted, layers[0], blocks[0])
    refuse_width(task, wanted, own)
    attention = pooled_attention(task.config, task.span, layers)
    widths = [shape_of(task, layer).d_ff for layer in layers]
    shape = merged_shape(wanted, task, layers[0], (attention.heads, sum(widths)))
    return best_meeting(task, pool(task, blocks, attention), shape)


def _as_it_is(task: Task, wanted: MergedLayerConfig, layer: int, block: Any) -> New:
    """Solve for the output maps of a layer whose heads cannot be chosen from."""
    shape = shape_of(task, layer)
    if asked := changes(wanted, task, layer):
        message = f"the heads and neurons of layer {layer} are no plain attention's, and `{asked[0]}` chooses"
        raise SynthError(message, "leave it out, or use `--init random`")
    return best_meeting(task, without_outputs(copy.deepcopy(block)), shape)


def refuse_width(task: Task, wanted: MergedLayerConfig, own: Any) -> None:
    """Raise where heads of another width than the teacher's are asked for."""
    width = own.width_of_head(task.config.d_model) if isinstance(own, AttentionConfig) else None
    if wanted.d_head not in (None, width):
        message = (
            f"`--d-head {wanted.d_head}`: the heads of layers {task.span} are {width} wide, and are kept"
        )
        raise SynthError(message, "use `--init random` for heads of another width")


def best_meeting(task: Task, wide: Any, shape: Shape) -> New:
    """Solve once for every layer the merged one could meet the teacher in; keep the smallest error."""
    meetings = [solve(task, wide, shape, meet) for meet in range(len(task.blocks))]
    errors = [error_of(task, new) for new in meetings]
    return meetings[min(range(len(errors)), key=errors.__getitem__)]


@torch.no_grad()
def error_of(task: Task, new: New) -> float:
    """Return the NMSE of a merged layer on the activations it was solved for."""
    total, layer = NMSE(), Layer(new.block)
    for indices in task.batches():
        x, padding = task.read(task.span.source, indices)
        y, _ = task.read(task.span.target, indices)
        total.add(layer(x, context_of(task.span.stack, padding))[0], y, padding)
    return total.value
