"""Merged layers that are one of the layers, their mean, or nothing yet."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from synthcli.compress.assemble import New
from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.merge.layer_specs import changes, new_spec, spec_of
from synthcli.compress.merge.problem import MergeProblem
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
    spec = spec_of(problem, layer)
    block = copy.deepcopy(problem.blocks[layer - problem.span.first]).requires_grad_(True)
    return New(spec.mixer, spec.d_ff, block)


@torch.no_grad()
def mean_layer(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return the mean of all parameters; the layers have to be of one shape."""
    refuse_changes(problem, config, "mean")
    specs = [spec_of(problem, layer) for layer in problem.span.layers]
    if any(spec != specs[0] for spec in specs):
        raise SynthError(f"layers {problem.span} differ in mixer or width, and have no mean", "use `pooled`")
    block: nn.Module = copy.deepcopy(problem.blocks[0]).requires_grad_(True)
    others = [dict(other.named_parameters()) for other in problem.blocks]
    for name, parameter in block.named_parameters():
        parameter.copy_(torch.stack([other[name] for other in others]).mean(0))
    return New(specs[0].mixer, specs[0].d_ff, block)


def random(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return a layer by chance, of any shape."""
    spec = new_spec(config, problem, problem.span.first)
    return New(spec.mixer, spec.d_ff, problem.fresh(spec, config.seed))


def refuse_changes(problem: MergeProblem, config: MergedLayerConfig, name: str) -> None:
    """Raise where a copy is asked to have another shape."""
    asked = changes(config, problem, problem.span.first)
    if asked:
        message = f"`--init {name}` keeps heads and neurons as they are, and `{asked[0]}` changes them"
        raise SynthError(message, "use `--init pooled` or `random`")
