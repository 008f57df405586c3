"""Merged layers that are one of the layers, their mean, or nothing yet."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from synthcli.compress.assemble import New
from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.merge.problem import MergeProblem
from synthcli.compress.merge.shapes import changes, new_shape, shape_of
from synthcli.errors import SynthError

Start = Callable[[MergeProblem, MergedLayerConfig], New]


def copy_first(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return the first layer: the others are dropped."""
    return _copy(problem, config, problem.span.first, "copy-first")


def copy_last(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return the last layer: those before it are dropped.

    It is what LaCo makes of a pair: θ_a + (θ_b − θ_a) = θ_b  (Yang et al. 2024, arXiv 2402.11187, eq. 1).
    """
    return _copy(problem, config, problem.span.last, "copy-last")


def _copy(problem: MergeProblem, config: MergedLayerConfig, layer: int, name: str) -> New:
    refuse_changes(problem, config, name)
    shape = shape_of(problem, layer)
    block = copy.deepcopy(problem.blocks[layer - problem.span.first]).requires_grad_(True)
    return New(shape.mixer, shape.d_ff, block)


@torch.no_grad()
def mean(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return the mean of all parameters; the layers have to be of one shape."""
    refuse_changes(problem, config, "mean")
    shapes = [shape_of(problem, layer) for layer in problem.span.layers]
    if any(shape != shapes[0] for shape in shapes):
        raise SynthError(f"layers {problem.span} differ in mixer or width, and have no mean", "use `pooled`")
    block: nn.Module = copy.deepcopy(problem.blocks[0]).requires_grad_(True)
    others = [dict(other.named_parameters()) for other in problem.blocks]
    for name, parameter in block.named_parameters():
        parameter.copy_(torch.stack([other[name] for other in others]).mean(0))
    return New(shapes[0].mixer, shapes[0].d_ff, block)


def random(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return a layer by chance, of any shape."""
    shape = new_shape(config, problem, problem.span.first)
    return New(shape.mixer, shape.d_ff, problem.fresh(shape, config.seed))


def refuse_changes(problem: MergeProblem, config: MergedLayerConfig, name: str) -> None:
    """Raise where a copy is asked to have another shape."""
    asked = changes(config, problem, problem.span.first)
    if asked:
        message = f"`--init {name}` keeps heads and neurons as they are, and `{asked[0]}` changes them"
        raise SynthError(message, "use `--init pooled` or `random`")
