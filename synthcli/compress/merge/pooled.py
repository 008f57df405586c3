"""Merged layers by two ridge solves, by where their heads and neurons come from."""

import copy
from collections.abc import Sequence

import torch

from synthcli.compress.activations.capture import context_of
from synthcli.compress.assemble import New
from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.distill.fitting import BlockAsMixer
from synthcli.compress.fidelity.nmse import NMSE
from synthcli.compress.merge.concatenate import concatenate, concatenate_heads, is_plain, remove_outputs
from synthcli.compress.merge.layer_specs import changes, mixer_of, new_spec, spec_of
from synthcli.compress.merge.problem import MergedLayerSpec, MergeProblem
from synthcli.compress.merge.solving import solve
from synthcli.compress.merge.span import SequentialBlock
from synthcli.errors import SynthError
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import LinearConfig, MixerConfig


def pool(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return a layer of the heads and neurons of all layers that explain the teacher best together."""
    return _from_layers(problem, config, problem.span.layers)


def ridge_first(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return the first layer with both its maps into the stream solved for."""
    return _from_layers(problem, config, [problem.span.first])


def ridge_last(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return the last layer, likewise; it reads the stream before the first."""
    return _from_layers(problem, config, [problem.span.last])


def linear(problem: MergeProblem, config: MergedLayerConfig) -> New:
    """Return a layer whose mixer is one linear map, with neurons of all layers."""
    if config.heads is not None or config.d_head is not None:
        raise SynthError("`--init linear` has no heads", "leave `--heads` and `--d-head` out")
    widths = [spec_of(problem, layer).d_ff for layer in problem.span.layers]
    d_ff = new_spec(MergedLayerConfig(d_ff=config.d_ff), problem, problem.span.first, (1, sum(widths))).d_ff
    spec = MergedLayerSpec(LinearConfig(), d_ff)
    return best_matching(problem, concatenate(problem, problem.sequential_blocks, spec.mixer), spec)


def _from_layers(problem: MergeProblem, config: MergedLayerConfig, layers: Sequence[int]) -> New:
    own = mixer_of(problem, layers[0])
    blocks = [problem.sequential_blocks[layer - problem.span.first] for layer in layers]
    if len(layers) == 1 and not (isinstance(own, AttentionConfig) and is_plain(own)):
        return _as_it_is(problem, config, layers[0], blocks[0])
    refuse_width(problem, config, own)
    attention = concatenate_heads(problem.config, problem.span, layers)
    widths = [spec_of(problem, layer).d_ff for layer in layers]
    spec = new_spec(config, problem, layers[0], (attention.heads, sum(widths)))
    return best_matching(problem, concatenate(problem, blocks, attention), spec)


def _as_it_is(problem: MergeProblem, config: MergedLayerConfig, layer: int, block: SequentialBlock) -> New:
    """Solve for the output maps of a layer whose heads cannot be chosen from."""
    spec = spec_of(problem, layer)
    if asked := changes(config, problem, layer):
        message = f"the heads and neurons of layer {layer} are no plain attention's, and `{asked[0]}` chooses"
        raise SynthError(message, "leave it out, or use `--init random`")
    wide = copy.deepcopy(block)
    remove_outputs(wide)
    return best_matching(problem, wide, spec)


def refuse_width(problem: MergeProblem, config: MergedLayerConfig, own: MixerConfig) -> None:
    """Raise where heads of another width than the teacher's are asked for."""
    width = own.width_of_head(problem.config.d_model) if isinstance(own, AttentionConfig) else None
    if config.d_head not in (None, width):
        message = (
            f"`--d-head {config.d_head}`: the heads of layers {problem.span} are {width} wide, and are kept"
        )
        raise SynthError(message, "use `--init random` for heads of another width")


def best_matching(problem: MergeProblem, wide: SequentialBlock, spec: MergedLayerSpec) -> New:
    """Solve once with every layer of the span as the matching one; keep the smallest error."""
    solutions = [solve(problem, wide, spec, layer) for layer in range(len(problem.blocks))]
    errors = [measure_error(problem, new) for new in solutions]
    return solutions[min(range(len(errors)), key=errors.__getitem__)]


@torch.no_grad()
def measure_error(problem: MergeProblem, new: New) -> float:
    """Return the NMSE of a merged layer on the activations it was solved for."""
    total, layer = NMSE(), BlockAsMixer(new.block)
    for indices in problem.batches():
        x, padding = problem.read(problem.span.source, indices)
        y, _ = problem.read(problem.span.target, indices)
        total.add(layer(x, context_of(problem.span.stack, padding))[0], y, padding)
    return total.value
