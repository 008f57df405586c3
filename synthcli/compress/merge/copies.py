"""Merged layers that are one of the layers, their mean, or nothing yet."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from synthcli.compress.assemble import New
from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.merge.problem import Task
from synthcli.compress.merge.shapes import changes, merged_shape, shape_of
from synthcli.errors import SynthError

Start = Callable[[Task, MergedLayerConfig], New]


def copy_first(task: Task, wanted: MergedLayerConfig) -> New:
    """Return the first layer: the others are dropped."""
    return _copy(task, wanted, task.span.first, "copy-first")


def copy_last(task: Task, wanted: MergedLayerConfig) -> New:
    """Return the last layer: those before it are dropped.

    It is what LaCo makes of a pair: θ_a + (θ_b − θ_a) = θ_b  (Yang et al. 2024, arXiv 2402.11187, eq. 1).
    """
    return _copy(task, wanted, task.span.last, "copy-last")


def _copy(task: Task, wanted: MergedLayerConfig, layer: int, name: str) -> New:
    refuse_changes(task, wanted, name)
    shape = shape_of(task, layer)
    block = copy.deepcopy(task.blocks[layer - task.span.first]).requires_grad_(True)
    return New(shape.mixer, shape.d_ff, block)


@torch.no_grad()
def mean(task: Task, wanted: MergedLayerConfig) -> New:
    """Return the mean of all parameters; the layers have to be of one shape."""
    refuse_changes(task, wanted, "mean")
    shapes = [shape_of(task, layer) for layer in task.span.layers]
    if any(shape != shapes[0] for shape in shapes):
        raise SynthError(f"layers {task.span} differ in mixer or width, and have no mean", "use `pooled`")
    block: nn.Module = copy.deepcopy(task.blocks[0]).requires_grad_(True)
    others = [dict(other.named_parameters()) for other in task.blocks]
    for name, parameter in block.named_parameters():
        parameter.copy_(torch.stack([other[name] for other in others]).mean(0))
    return New(shapes[0].mixer, shapes[0].d_ff, block)


def random(task: Task, wanted: MergedLayerConfig) -> New:
    """Return a layer by chance, of any shape."""
    shape = merged_shape(wanted, task, task.span.first)
    return New(shape.mixer, shape.d_ff, task.fresh(shape, wanted.seed))


def refuse_changes(task: Task, wanted: MergedLayerConfig, name: str) -> None:
    """Raise where a copy is asked to have another shape."""
    asked = changes(wanted, task, task.span.first)
    if asked:
        message = f"`--init {name}` keeps heads and neurons as they are, and `{asked[0]}` changes them"
        raise SynthError(message, "use `--init pooled` or `random`")
