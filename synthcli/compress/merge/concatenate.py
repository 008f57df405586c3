"""All heads and neurons of some layers side by side, in one wide block that reads one stream.

Its maps into the stream are left out: the mixer returns what enters W_o, the feed-forward what enters W_2.
Norms before a branch are folded into the maps that read them, W (g ⊙ n(x) + c) + b = (W g) n(x) + (W c + b),
so that heads of several layers can read one norm.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthcli.compress.merge.problem import MergedLayerSpec, MergeProblem
from synthcli.compress.merge.span import SequentialBlock, Span, as_sequential
from synthcli.errors import SynthError
from synthcli.model import ModelConfig
from synthcli.model.feed_forward import FeedForward
from synthcli.model.norms import RMSNorm
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import MixerConfig
from synthcli.model_config.projections import FullConfig
from synthcli.model_config.scores import DotProductConfig

ATTENTION_MAPS = ("mixer.scores.0.query", "mixer.scores.0.key", "mixer.value")
FEED_FORWARD_MAPS = ("feed_forward.expand", "feed_forward.gate")
INSTEAD = "use `--init copy-last`, `copy-first`, `mean` or `linear`"


def concatenate(
    problem: MergeProblem, blocks: Sequence[SequentialBlock], mixer: MixerConfig
) -> SequentialBlock:
    """Return the wide block of some layers; `mixer` is that of `concatenate_heads`, or of kind "linear"."""
    width = sum(neurons(block).output.in_features for block in blocks)
    wide = as_sequential(problem.fresh(MergedLayerSpec(mixer, width)))
    folds = not problem.norms_follow
    mixer_norms = [block.mixer_norm if folds else None for block in blocks]
    norms = [block.feed_forward_norm if folds else None for block in blocks]
    for path in ATTENTION_MAPS if isinstance(mixer, AttentionConfig) else ():
        stack_maps(wide, path, blocks, mixer_norms)
    for path in feed_forward_maps(wide):
        stack_maps(wide, path, blocks, norms)
    for norm in (wide.mixer_norm, wide.feed_forward_norm) if folds else ():
        refuse_unfoldable(norm)
        reset_norm(norm)
    remove_outputs(wide)
    return wide


def concatenate_heads(config: ModelConfig, span: Span, layers: Sequence[int]) -> AttentionConfig:
    """Return the attention that has the heads of some layers; others than plain ones are refused by name."""
    table, mixers = getattr(config, span.stack), []
    if config.embeddings.positions == "alibi":  # a head's slope follows its number
        raise SynthError(
            'heads with `positions = "alibi"` cannot be pooled: they would get other slopes', INSTEAD
        )
    for layer in layers:
        mixer = config.mixer_of(table, layer)
        if not (isinstance(mixer, AttentionConfig) and is_plain(mixer)):
            message = f"heads of layer {layer} cannot be pooled: they are not plain dot-product attention"
            raise SynthError(message, INSTEAD)
        mixers.append(mixer)
    widths = [mixer.width_of_head(config.d_model) for mixer in mixers]
    if len(set(widths)) > 1 or any(mixer.scores != mixers[0].scores for mixer in mixers):
        raise SynthError(f"layers {span} have heads of other kinds or widths: {widths}", INSTEAD)
    heads = sum(mixer.heads for mixer in mixers)
    return mixers[0].model_copy(update={"heads": heads, "d_head": widths[0]})


def is_plain(mixer: AttentionConfig) -> bool:
    """Whether heads stand side by side and are read by nothing but the output map."""
    projections = (mixer.value, mixer.first_value, mixer.output, mixer.last_output)
    full = all(p is None or isinstance(p, FullConfig) for p in projections)
    only, shaped = mixer.scores[0], mixer.shaping is not None
    if len(mixer.scores) > 1 or not isinstance(only, DotProductConfig) or shaped or not full:
        return False
    return only.query == "projection" and only.qk_norm == "none"


@torch.no_grad()
def stack_maps(
    wide: nn.Module, path: str, blocks: Sequence[nn.Module], norms: Sequence[nn.Module | None]
) -> None:
    """Put the rows of one map of every block under each other."""
    pairs = zip(blocks, norms, strict=True)
    maps = [fold_norm(linear_at(block, path), norm, path) for block, norm in pairs]
    linear = linear_at(wide, path)
    linear.weight.copy_(torch.cat([weight for weight, _ in maps]))
    if linear.bias is not None:
        linear.bias.copy_(torch.cat([bias for _, bias in maps if bias is not None]))


def fold_norm(linear: nn.Linear, norm: nn.Module | None, path: str) -> tuple[Tensor, Tensor | None]:
    """Return weight and bias of a map that reads a norm without gain and shift."""
    weight: Tensor = linear.weight
    bias: Tensor | None = linear.bias
    gain, shift = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if shift is not None and bool(shift.any()):
        if bias is None:
            message = f"the norm before `{path}` has a shift, and `{path}` no bias to take it"
            raise SynthError(message, INSTEAD)
        bias = bias + weight @ shift
    return (weight if gain is None else weight * gain), bias


@torch.no_grad()
def reset_norm(norm: nn.Module) -> None:
    """Give a norm no gain and no shift."""
    for name, value in (("weight", 1.0), ("bias", 0.0)):
        if getattr(norm, name, None) is not None:
            getattr(norm, name).fill_(value)


def remove_outputs(block: SequentialBlock) -> None:
    """Take the maps into the stream out of a block, and put it into evaluation mode."""
    parts: list[nn.Module] = [block.mixer, neurons(block)]
    for part in parts:
        if not isinstance(getattr(part, "output", None), nn.Linear):
            message = "the mixer has no output map of its own that could be solved for"
            raise SynthError(message, "use `--init copy-first`, `copy-last` or `mean`")
        part.output = nn.Identity()
    block.eval().requires_grad_(False)


@torch.no_grad()
def take_rows(target: nn.Module, wide: nn.Module, path: str, rows: Tensor) -> None:
    """Copy some rows of one map."""
    own, theirs = linear_at(target, path), linear_at(wide, path)
    rows = rows.to(theirs.weight.device)
    own.weight.copy_(theirs.weight[rows])
    if own.bias is not None:
        own.bias.copy_(theirs.bias[rows])


def group_rows(groups: Sequence[int], size: int) -> Tensor:
    """Return the rows of groups of neighbours, in rising order."""
    return torch.cat([torch.arange(g * size, (g + 1) * size) for g in sorted(groups)])


def linear_at(block: nn.Module, path: str) -> nn.Linear:
    """Return a linear map of a block."""
    found = block.get_submodule(path)
    assert isinstance(found, nn.Linear), path
    return found


def neurons(block: SequentialBlock) -> FeedForward:
    """Return the feed-forward of a block, which every one of these kinds has."""
    assert block.feed_forward is not None
    return block.feed_forward


def feed_forward_maps(block: SequentialBlock) -> tuple[str, ...]:
    """Return the maps that make neurons."""
    return ("feed_forward.expand",) if neurons(block).gate is None else FEED_FORWARD_MAPS


def refuse_unfoldable(norm: nn.Module) -> None:
    """Raise where the layers' norms differ in more than gain and shift."""
    if not isinstance(norm, nn.LayerNorm | RMSNorm):
        raise SynthError(f"layers with a norm of kind `{type(norm).__name__}` cannot be pooled", INSTEAD)
