"""Layers of their own heads and widths as layers all alike, by zeros: the same function.

A head that is added has values of zero, and columns of zero in the output. A head of d numbers among heads of
D gets D − d zeros; since transformers divides by √D, its queries are multiplied by √(D / d). A neuron that is
added writes zero, as does a bias.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synthcli.model import ModelConfig
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.parts import StackConfig
from synthcli.model_config.projections import FullConfig
from synthcli.model_config.scores import DotProductConfig

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Sizes:
    """What every layer has after padding."""

    heads: int
    d_head: int
    d_ff: int


def pad_to_alike(config: ModelConfig, weights: Weights) -> tuple[ModelConfig, Weights] | None:
    """Return a model of one stack whose layers are all alike, or None where there is none."""
    name = "encoder" if config.encoder is not None else "decoder"
    stack: StackConfig | None = getattr(config, name)
    mixers = [mixer for _, _, mixer in config.mixers()]
    sizes = _find_sizes(config, mixers)
    if sizes is None or stack is None or not all(_is_plain(mixer) for mixer in mixers):
        return None
    filled = dict(weights)
    for layer, mixer in enumerate(mixers):
        assert isinstance(mixer, AttentionConfig)
        _pad_layer(filled, f"{name}.blocks.{layer}", mixer, config.d_model, sizes)
    alike = AttentionConfig(heads=sizes.heads)
    stack = stack.model_copy(update={"mixer": None, "layer_mixers": {}, "layer_d_ff": {}})
    embeddings = config.embeddings
    if name == "encoder" and embeddings.token_types == 0:
        filled["embeddings.token_types.weight"] = torch.zeros(1, config.d_model)
        embeddings = embeddings.model_copy(update={"token_types": 1})
    fields = {
        name: stack,
        "mixer": alike,
        "d_ff": sizes.d_ff,
        "feed_forward_bias": True,
        "embeddings": embeddings,
    }
    return config.model_copy(update=fields), filled


def _find_sizes(config: ModelConfig, mixers: Sequence[object]) -> Sizes | None:
    """Return the fewest heads that share the width and hold those of every layer, if any do."""
    attentions = [mixer for mixer in mixers if isinstance(mixer, AttentionConfig)]
    widths = [config.d_ff_of(*place) or 0 for place in _list_places(config)]
    if len(attentions) < len(mixers) or config.d_ff is None:
        return None
    width, d_ff = config.d_model, max(widths)
    heads = max(mixer.heads for mixer in attentions)
    d_head = max(mixer.width_of_head(width) for mixer in attentions)
    fitting = [count for count in range(heads, width + 1) if width % count == 0 and width // count >= d_head]
    return Sizes(fitting[0], width // fitting[0], d_ff) if fitting else None


def padding_notes(config: ModelConfig) -> list[str]:
    """Return what a card says of layers that are smaller than they look, a line each."""
    mixers = [mixer for _, _, mixer in config.mixers()]
    sizes, notes = _find_sizes(config, mixers), []
    assert sizes is not None
    for layer, (mixer, place) in enumerate(zip(mixers, _list_places(config), strict=True)):
        assert isinstance(mixer, AttentionConfig)
        d_head, d_ff = mixer.width_of_head(config.d_model), config.d_ff_of(*place)
        if Sizes(mixer.heads, d_head, d_ff or 0) != sizes:
            notes.append(
                f"Layer {layer} has {mixer.heads} heads of {d_head} and {d_ff} neurons; zeros make "
                f"{sizes.heads} heads of {sizes.d_head} and {sizes.d_ff} neurons of them."
            )
    return notes


def _list_places(config: ModelConfig) -> list[tuple[StackConfig, int]]:
    stacks = [stack for stack in (config.encoder, config.decoder) if stack is not None]
    return [(stack, layer) for stack in stacks for layer in range(stack.layers)]


def _is_plain(mixer: object) -> bool:
    """Whether a mixer is softmax attention with full projections, and no more."""
    if not isinstance(mixer, AttentionConfig) or mixer.shaping is not None or len(mixer.scores) != 1:
        return False
    projections = (mixer.value, mixer.first_value, mixer.output, mixer.last_output)
    if not all(projection is None or isinstance(projection, FullConfig) for projection in projections):
        return False
    score = mixer.scores[0]
    plain = DotProductConfig()
    return isinstance(score, DotProductConfig) and (score.query, score.qk_norm, score.soft_cap) == (
        plain.query,
        plain.qk_norm,
        plain.soft_cap,
    )


def _pad_layer(weights: Weights, block: str, mixer: AttentionConfig, d_model: int, sizes: Sizes) -> None:
    """Give one layer the sizes of all."""
    d_head = mixer.width_of_head(d_model)
    for leaf in ("scores.0.query", "scores.0.key", "value"):
        name = f"{block}.mixer.{leaf}"
        scale = (sizes.d_head / d_head) ** 0.5 if leaf.endswith("query") else 1.0
        for end in ("weight", "bias"):
            given = weights.get(f"{name}.{end}", torch.zeros(mixer.heads * d_head))
            weights[f"{name}.{end}"] = scale * _spread_heads(given, mixer.heads, sizes)
    output = f"{block}.mixer.output"
    weights[f"{output}.weight"] = _spread_heads(
        weights[f"{output}.weight"].T, mixer.heads, sizes
    ).T.contiguous()
    expand, back = f"{block}.feed_forward.expand", f"{block}.feed_forward.output"
    narrow = len(weights[f"{expand}.weight"])
    weights[f"{expand}.weight"] = _pad_rows(weights[f"{expand}.weight"], sizes.d_ff)
    weights[f"{expand}.bias"] = _pad_rows(weights.get(f"{expand}.bias", torch.zeros(narrow)), sizes.d_ff)
    weights[f"{back}.weight"] = _pad_rows(weights[f"{back}.weight"].T, sizes.d_ff).T.contiguous()
    for name in (output, back):
        weights.setdefault(f"{name}.bias", torch.zeros(d_model))


def _spread_heads(rows: Tensor, heads: int, sizes: Sizes) -> Tensor:
    """Put the rows of `heads` heads where they belong among more and wider ones."""
    d_head = len(rows) // heads
    wide = rows.new_zeros(sizes.heads, sizes.d_head, *rows.shape[1:])
    wide[:heads, :d_head] = rows.unflatten(0, (heads, d_head))
    return wide.flatten(0, 1)


def _pad_rows(rows: Tensor, length: int) -> Tensor:
    """Add rows of zeros."""
    return torch.cat((rows, rows.new_zeros(length - len(rows), *rows.shape[1:])))
