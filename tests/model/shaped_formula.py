"""Shaped attention with its three matrices written out."""

import torch
from torch import Tensor

from synthcli.model.context import Context
from synthcli.model.mixers import Attention, Site
from synthcli.model_config.attention import AttentionConfig

BATCH, LENGTH, D_MODEL, HEADS = 3, 7, 12, 3
RESIDUAL = {"kind": "residual", "init": "orthogonal", "skip": 0.8, "residual": 0.3, "bias": True}


def shaped(
    shaping: dict[str, object], value: object = RESIDUAL, output: object = "full", **more: object
) -> Attention:
    """Return a layer whose every parameter is away from its start."""
    table = {"heads": HEADS, "shaping": shaping, "value": value, "output": output, **more}
    attention = Attention(AttentionConfig.model_validate(table), Site(D_MODEL, LENGTH, LENGTH)).double()
    torch.manual_seed(3)
    for module in attention.modules():
        if hasattr(module, "initialise_parameters"):
            module.initialise_parameters()
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    return attention.eval()


def visibility(length: int, context: Context) -> Tensor:
    """True where query i may read key j: (batch, length, length)."""
    seen = torch.ones(BATCH, length, length, dtype=torch.bool)
    for b in range(BATCH):
        for i in range(length):
            for j in range(length):
                hidden = context.key_padding is not None and bool(context.key_padding[b, j])
                later = context.causal and j > i
                ids = None if context.documents is None else context.documents[b]
                elsewhere = ids is not None and ids[i] != ids[j]
                distant = context.window is not None and i - j > context.window
                seen[b, i, j] = not (hidden or later or elsewhere or distant)
    return seen


def by_the_formula(attention: Attention, x: Tensor, context: Context) -> Tensor:
    """Every head's mixing matrix M = α I + β A − γ C; a query that sees no key has A = C = 0."""
    batch, length, _ = x.shape
    split = lambda t: t.view(batch, length, HEADS, -1)  # noqa: E731
    v, o, s = attention.value, attention.output, attention.scores[0]
    weight = v.weight
    if attention.config.value.kind == "residual":
        alpha_v = v.skip if v.config.trainable_gains else v.config.skip
        beta_v = v.residual if v.config.trainable_gains else v.config.residual
        start = torch.eye(D_MODEL, dtype=x.dtype) if v.initial is None else v.initial
        weight = alpha_v * start + beta_v * v.weight
    values = split(x @ weight.T + (0 if v.bias is None else v.bias))
    query, key = split(x @ s.query.weight.T + s.query.bias), split(x @ s.key.weight.T + s.key.bias)
    seen = visibility(length, context)
    C = seen.to(x.dtype) / seen.sum(-1, keepdim=True).clamp_min(1)
    mixed = []
    for h in range(HEADS):
        scores = query[:, :, h] @ key[:, :, h].mT / query.shape[-1] ** 0.5
        powers = torch.where(seen, scores, torch.zeros_like(scores)).exp() * seen
        A = powers / powers.sum(-1, keepdim=True).clamp_min(1e-300)
        alpha, beta, gamma = (_gain(attention, name, h) for name in ("identity", "attention", "centre"))
        M = alpha * torch.eye(length, dtype=x.dtype) + beta * A - gamma * C
        mixed.append(M @ values[:, :, h])
    return torch.cat(mixed, -1) @ o.weight.T + o.bias


def _gain(attention: Attention, name: str, head: int) -> Tensor | float:
    config = attention.config.shaping
    if not config.trainable:
        return getattr(config, name)
    return getattr(attention.shaping, name)[head if config.per_head else 0]


def inputs(length: int = LENGTH) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(BATCH, length, D_MODEL, dtype=torch.float64, requires_grad=True)


SHAPINGS: dict[str, dict[str, object]] = {
    "a gain a head": {},
    "one gain for all heads": {"per_head": False},
    "constants": {"trainable": False, "identity": 0.9, "attention": 0.7, "centre": 0.6},
    "V-SkipInit": {"trainable": False, "identity": 1.0, "attention": 0.2, "centre": 0.0},
}
