"""Coefficients of a mixture of scores become a part of the scores; tables that are added become one."""

from collections.abc import Sequence

from torch import Tensor, nn

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
from synthcli.model.module_list import list_of
from synthcli.model.scores import ScoreFunction
from synthcli.model.scores.dense import Dense
from synthcli.model.scores.dot_product import DotProduct
from synthcli.model.scores.factorized_dense import FactorizedDense
from synthcli.model.scores.factorized_random import FactorizedRandom
from synthcli.model.scores.random import Random
from synthcli.model_config.attention import EVEN
from synthcli.model_config.mixers import MixerConfig
from synthcli.model_config.recurrent import SRUppConfig
from synthcli.model_config.scores import ScoreConfig

SUMMED = {"mix": "sum", "gate_init": EVEN}


def fold_mixtures(config: ModelConfig, model: nn.Module) -> tuple[ModelConfig, list[str]]:
    """Fold the mixtures of self-mixers, that of SRU++ among them, and of cross-attention."""
    mixers: dict[Place, Config] = {}
    for layer in iterate_layers(config, model):
        attention = _find_attention(layer.block.mixer)
        if attention is not None and _can_fold(attention):
            mixers[layer.place] = layer.config.model_copy(
                update=_fold_attention(attention, attention.config.scores)
            )
        elif attention is None and _folds_without(layer.config):
            # a layer of SRU++ without attention: alike to those with it
            mixers[layer.place] = layer.config.model_copy(update=SUMMED)
    lines = (
        [f"coefficients of mixed scores are part of the scores ({format_places(list(mixers))})"]
        if mixers
        else []
    )
    return _fold_cross_mixtures(set_layer_mixers(config, mixers), model, lines)


def _find_attention(mixer: nn.Module) -> Attention | None:
    """Return the attention of a mixer, or the one within SRU++."""
    found = mixer if isinstance(mixer, Attention) else getattr(mixer, "attention", None)
    return found if isinstance(found, Attention) else None


def _folds_without(config: MixerConfig) -> bool:
    return isinstance(config, SRUppConfig) and len(config.scores) > 1 and config.mix != "sum"


def _can_fold(attention: Attention) -> bool:
    """Return whether several scores have coefficients or tables to add up, and each takes a factor."""
    if attention.mixing is None or not all(_takes_factor(score) for score in attention.scores):
        return False
    tables = [score for score in attention.scores if isinstance(score, Random)]
    return attention.mixing.coefficients() is not None or len(tables) > 1


def _takes_factor(score: ScoreFunction) -> bool:
    """Return whether a score is linear in something of its own; a norm or a cap on it is in the way."""
    if isinstance(score, DotProduct):
        return score.is_plain and score.config.qk_norm == "none"
    return isinstance(score, Dense | Random | FactorizedDense | FactorizedRandom)


def _fold_attention(attention: Attention, scores: Sequence[ScoreConfig]) -> dict[str, object]:
    """Scale the scores in place, add up random tables, and return what changes in the configuration."""
    assert attention.mixing is not None
    alpha = attention.mixing.coefficients()
    if alpha is not None:
        for score, factor in zip(attention.scores, alpha.unbind(1), strict=True):
            _scale_score(score, factor)
    keep: list[int] = []
    for number, score in enumerate(attention.scores):
        tables = (attention.scores[i] for i in keep)
        first = next((one for one in tables if isinstance(one, Random)), None)
        if isinstance(score, Random) and first is not None:
            first.table.add_(score.table)
        else:
            keep.append(number)
    attention.scores = list_of(attention.scores[i] for i in keep)
    return {**SUMMED, "scores": tuple(scores[i] for i in keep)}


def _scale_score(score: ScoreFunction, factor: Tensor) -> None:
    """Multiply a score by a factor (heads,)."""
    if isinstance(score, DotProduct):
        for tensor in (score.key.weight, score.key.bias):
            if tensor is not None:
                _scale_heads(tensor.view(score.heads, -1), factor)
    elif isinstance(score, Random):
        _scale_heads(score.table, factor)
    elif isinstance(score, FactorizedRandom):
        _scale_heads(score.left, factor)
    else:
        assert isinstance(score, Dense | FactorizedDense)  # `_takes_factor`
        columns = slice(0, score.a) if isinstance(score, FactorizedDense) else slice(None)
        _scale_heads(score.weight[:, columns], factor)
        _scale_heads(score.bias[:, columns], factor)


def _scale_heads(tensor: Tensor, factor: Tensor) -> None:
    tensor.mul_(factor.view(-1, *[1] * (tensor.dim() - 1)))


def _fold_cross_mixtures(
    config: ModelConfig, model: nn.Module, lines: list[str]
) -> tuple[ModelConfig, list[str]]:
    """Fold the mixtures of cross-attention, whose layers have one configuration."""
    crosses = [layer.block.cross for layer in iterate_layers(config, model) if layer.stack == "decoder"]
    attentions = [cross for cross in crosses if isinstance(cross, Attention)]
    if config.cross is None or not attentions or not all(_can_fold(one) for one in attentions):
        return config, lines
    changes = [_fold_attention(one, config.cross.scores) for one in attentions]
    cross = config.cross.model_copy(update=changes[0])
    line = "coefficients of mixed scores are part of the scores of cross-attention"
    return with_values(config, cross=cross.model_dump()), [*lines, line]
