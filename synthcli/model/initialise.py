"""Initial values of every parameter, in one place."""

from typing import Protocol, runtime_checkable

import torch
from torch import nn

from synthcli.model.adaptive import AdaptiveEmbedding, AdaptiveHead
from synthcli.model.drawing import draw_by_name
from synthcli.model.embeddings import Embeddings
from synthcli.model.feed_forward import FeedForward
from synthcli.model.mixers import Attention
from synthcli.model.mixers.projections import Residual
from synthcli.model.output_heads import ClassifierHead, LanguageModelHead
from synthcli.model.scores.dot_product import DotProduct
from synthcli.model.stack import Stack
from synthcli.model_config.parts import InitConfig

# Logits of a tied head have the standard deviation √d · std(E): with 0.3/√d the loss starts within
# 0.3²/2 of ln(vocabulary), and √d · E enters the stream at 0.3.
EMBEDDING_SCALE = 0.3


@runtime_checkable
class DrawsItself(Protocol):
    """A module with parameters that are drawn in a way of their own."""

    def initialise_parameters(self) -> None: ...


def initialise(model: nn.Module, config: InitConfig) -> None:
    """Draw every parameter anew, each by its name (`draw_by_name`).

    Linear maps are Glorot's; those that write into the stream are divided by √(number of writes), so that
    its variance does not grow with depth (Radford et al. 2019, section 2.3). Modules that define
    `initialise_parameters` come after, and overrule what was drawn for the maps they hold.
    """
    with draw_by_name(model):
        _draw_all(model, config)


def _draw_all(model: nn.Module, config: InitConfig) -> None:
    stds = _own_stds(model, config)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            _draw_map(module, config, stds.get(module, config.std))
        elif isinstance(module, Embeddings):
            _draw_embeddings(module, config)
        elif isinstance(module, AdaptiveHead):
            _draw_adaptive_head(module, config)
        elif isinstance(module, LanguageModelHead):
            _initialise_table(module.weight, config, module.weight.shape[1])
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in model.modules():
        if isinstance(module, DrawsItself):
            module.initialise_parameters()
    for module in model.modules():
        if isinstance(module, Stack):
            _tie_initial_projections(module)
            if config.kind == "glorot" or config.scale_writes:
                _scale_writes(module)
        elif isinstance(module, ClassifierHead):
            nn.init.zeros_(module.output.weight)  # the first loss is exactly ln(classes)


def _own_stds(model: nn.Module, config: InitConfig) -> dict[nn.Module, float]:
    """Return the maps that are drawn with a deviation of their own."""
    maps: list[tuple[str, nn.Module]] = []
    for module in model.modules() if config.own_stds else ():
        if isinstance(module, DotProduct):
            maps += [("query", module.query), ("key", module.key)]
        elif isinstance(module, Attention):
            maps += [("value", module.value), ("value", module.output)]
        elif isinstance(module, FeedForward):
            maps.append(("feed_forward", module.output))
    return {module: config.own_stds[part] for part, module in maps if part in config.own_stds}


def _draw_map(module: nn.Linear, config: InitConfig, std: float) -> None:
    if config.kind == "normal":
        nn.init.normal_(module.weight, std=std)
    elif config.kind == "xavier-uniform":
        nn.init.xavier_uniform_(module.weight)
    else:
        nn.init.xavier_normal_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def _initialise_table(weight: torch.Tensor, config: InitConfig, d_model: int) -> None:
    if config.kind == "normal":
        nn.init.normal_(weight, std=config.std)
    elif config.kind == "xavier-uniform":
        edge = (3 / d_model) ** 0.5
        nn.init.uniform_(weight, -edge, edge)
    else:
        nn.init.normal_(weight, std=EMBEDDING_SCALE * d_model**-0.5)


def _draw_embeddings(module: Embeddings, config: InitConfig) -> None:
    d_model = module.d_model
    tokens = module.tokens
    tables = list(tokens.tables) if isinstance(tokens, AdaptiveEmbedding) else [tokens]
    for table in tables:
        width = d_model if config.kind == "xavier-uniform" else table.weight.shape[1]
        _initialise_table(table.weight, config, width)
    for extra in (module.positions, module.token_types):
        if extra is not None and config.kind == "normal":
            nn.init.normal_(extra.weight, std=config.std)
        elif extra is not None:
            scale = EMBEDDING_SCALE if module.config.scale else EMBEDDING_SCALE * d_model**-0.5
            nn.init.normal_(extra.weight, std=scale)
    if module.position_scale is not None:
        nn.init.constant_(module.position_scale, d_model**-0.5)


def _draw_adaptive_head(module: AdaptiveHead, config: InitConfig) -> None:
    d_model = next(iter(module.projections)).shape[0]
    if not module.is_tied:
        for weight in module.weights:
            _initialise_table(weight, config, d_model if config.kind == "xavier-uniform" else weight.shape[1])
    if not module.ties_projections:
        for projection in module.projections:
            nn.init.xavier_uniform_(projection)
    if module.cluster_weight is not None and module.cluster_bias is not None:
        _initialise_table(module.cluster_weight, config, module.cluster_weight.shape[1])
        nn.init.zeros_(module.cluster_bias)
    for bias in module.biases or ():
        nn.init.zeros_(bias)


def _scale_writes(stack: Stack) -> None:
    modules = [module for module in stack.modules() if getattr(module, "writes_stream", False)]
    for module in modules:
        output = module.output
        if isinstance(output, nn.Linear) and getattr(output, "init", "default") == "default":
            output.weight.data.mul_(len(modules) ** -0.5)


@torch.no_grad()
def _tie_initial_projections(stack: Stack) -> None:
    """Let the fixed part of an output undo that of its value: in every layer, or of all in the last."""
    product: torch.Tensor | None = None
    attentions = [block.mixer for block in stack.blocks if isinstance(block.mixer, Attention)]
    for attention in attentions:
        output, tie = attention.output, attention.config.tie_init
        if tie == "none" or not isinstance(output, Residual) or output.initial is None:
            continue
        value = _get_fixed_part(attention.value, like=output.initial)
        if tie == "all-blocks":
            output.initial.copy_(value.T)
            continue
        product = value if product is None else value @ product
        if attention is attentions[-1]:
            output.initial.copy_(product.T)
        else:
            product = output.initial @ product


def _get_fixed_part(projection: nn.Module, like: torch.Tensor) -> torch.Tensor:
    """Return W_init of a projection that is not a full one."""
    if isinstance(projection, Residual) and projection.initial is not None:
        return projection.initial
    return torch.eye(len(like), dtype=like.dtype, device=like.device)
