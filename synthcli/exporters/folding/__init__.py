"""Folding: the same function with fewer operations and parameters.

What one linear map can do of another is merged into it: fixed parts of projections, gains of blocks and of
SRU++, coefficients of mixtures, the scale of embeddings. Each of `FOLDS` takes a configuration and a model,
changes the weights of the model in place, and says what it did. Nothing is folded through a norm, whose ε it
would change, or where training shared a tensor between layers.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn

from synthcli.exporters.folding.attention_gain import fold_attention_gain
from synthcli.exporters.folding.block_gains import fold_block_gains
from synthcli.exporters.folding.embedding_scale import fold_embedding_scale
from synthcli.exporters.folding.mixtures import fold_mixtures
from synthcli.exporters.folding.projections import fold_projections
from synthcli.model import ModelConfig, build

Fold = Callable[[ModelConfig, nn.Module], tuple[ModelConfig, list[str]]]

# projections first: gains are merged into maps that are plain by then
FOLDS: dict[str, Fold] = {
    "projections": fold_projections,
    "mixtures": fold_mixtures,
    "attention gain": fold_attention_gain,
    "block gains": fold_block_gains,
    "embedding scale": fold_embedding_scale,
}


@dataclass(frozen=True)
class Folded:
    """A model that computes what the one before did; `changes` say what became of what, a line each."""

    config: ModelConfig
    model: nn.Module
    changes: tuple[str, ...] = ()


@torch.no_grad()
def fold(config: ModelConfig, model: nn.Module) -> Folded:
    """Return the model in evaluation mode; the one given stays as it is."""
    if _shares_between_layers(model):
        return Folded(config, model)
    work, changes = deepcopy(model), []
    for step in FOLDS.values():
        config, lines = step(config, work)
        changes += lines
    return Folded(config, _rebuild(config, work), tuple(changes)) if changes else Folded(config, model)


def _rebuild(config: ModelConfig, work: nn.Module) -> nn.Module:
    """Return the model of a configuration with the weights of another that has them all."""
    like = next(work.parameters())
    with torch.random.fork_rng(devices=[]):
        model = build(config).to(like.device, like.dtype).eval()
    weights = work.state_dict()
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model


def _shares_between_layers(model: nn.Module) -> bool:
    """Return whether a tensor inside a stack has several names: to scale one would scale all."""
    names = [
        id(tensor) for name, tensor in model.named_parameters(remove_duplicate=False) if ".blocks." in name
    ]
    return len(names) > len(set(names))
