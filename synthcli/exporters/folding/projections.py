"""W = α W_init + β ΔW becomes one matrix, or none where it is the identity."""

import torch
from torch import nn

from synthcli.config import Config
from synthcli.exporters.folding.layers import (
    Place,
    format_places,
    iterate_layers,
    set_layer_mixers,
    with_values,
)
from synthcli.model import ModelConfig
from synthcli.model.mixers import Attention
from synthcli.model.mixers.projections import Residual
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.projections import FullConfig, IdentityConfig, ProjectionConfig, ResidualConfig

FIRST_OR_LAST = {"value": "first_value", "output": "last_output"}


def fold_projections(config: ModelConfig, model: nn.Module) -> tuple[ModelConfig, list[str]]:
    """Merge the projections of self-attention and of cross-attention."""
    mixers: dict[Place, Config] = {}
    for layer in iterate_layers(config, model):
        attention = layer.block.mixer
        if isinstance(attention, Attention) and _has_residual(attention):
            mixers[layer.place] = _merge_config(
                attention, layer.number == 0, layer.number == layer.layers - 1
            )
    lines = (
        [f"projections α W_init + β ΔW are one matrix each ({format_places(list(mixers))})"] if mixers else []
    )
    config = set_layer_mixers(config, mixers)
    return _fold_cross(config, model, lines)


def _has_residual(attention: Attention) -> bool:
    return isinstance(attention.value, Residual) or isinstance(attention.output, Residual)


def _merge_config(attention: Attention, is_first: bool, is_last: bool) -> AttentionConfig:
    """Merge the projections of one layer in place, and return its configuration."""
    old = attention.config
    changes: dict[str, object] = {"tie_init": "none", "first_value": None, "last_output": None}
    for name, other in FIRST_OR_LAST.items():
        projection, special = getattr(attention, name), getattr(old, other)
        takes_place = is_first if name == "value" else is_last
        changes[name] = merge_projection(
            projection, special if takes_place and special else getattr(old, name)
        )
    return old.model_copy(update=changes)


def merge_projection(
    projection: nn.Module, config: ProjectionConfig | None, may_vanish: bool = True
) -> ProjectionConfig | None:
    """Write the merged matrix in place, and return the configuration of the projection now."""
    if not isinstance(projection, Residual):
        return config
    weight = projection.merge_weight()
    eye = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
    if may_vanish and projection.bias is None and torch.equal(weight, eye):
        return IdentityConfig()
    projection.weight.copy_(weight)
    return FullConfig(bias=projection.bias is not None)


def _fold_cross(config: ModelConfig, model: nn.Module, lines: list[str]) -> tuple[ModelConfig, list[str]]:
    """Merge the projections of cross-attention, whose layers have one configuration."""
    cross = config.cross
    if cross is None:
        return config, lines
    names = (*FIRST_OR_LAST, *FIRST_OR_LAST.values())
    changes = {
        name: FullConfig(bias=projection.bias)
        for name in names
        if isinstance(projection := getattr(cross, name), ResidualConfig)
    }
    if not changes:
        return config, lines
    for layer in iterate_layers(config, model):
        if layer.stack == "decoder":
            for name in FIRST_OR_LAST:
                merge_projection(getattr(layer.block.cross, name), None, may_vanish=False)
    cross = cross.model_copy(update={**changes, "tie_init": "none"})
    line = "projections α W_init + β ΔW of cross-attention are one matrix each"
    return with_values(config, cross=cross.model_dump()), [*lines, line]
