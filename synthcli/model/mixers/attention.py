"""Attention: Y = softmax(Σ_i α_i S_i + mask) X W_v W_o, whatever fills S_i  (Tay et al. 2021, section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from synthcli.config import Config
from synthcli.errors import SynthError
from synthcli.model.context import Context, too_long
from synthcli.model.mixers.masks import visible_keys
from synthcli.model.mixers.mixing import MIXINGS, MixName
from synthcli.model.mixers.weighted_values import fused, general, shared
from synthcli.model.scores import SCORES, ScoreConfig, ScoreFunction, ScoreShape
from synthcli.model.scores.base import merge_heads, split_heads
from synthcli.model.scores.dot_product import DotProduct, DotProductConfig


class AttentionConfig(Config):
    """`dropout` acts on the attention weights; weights that the batch shares are dropped for all of it."""

    kind: Literal["attention"] = "attention"
    heads: int = Field(8, gt=0)
    scores: tuple[ScoreConfig, ...] = Field((DotProductConfig(),), min_length=1)
    mix: MixName = "softmax"
    dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _gate_takes_two(self) -> "AttentionConfig":
        if self.mix == "gate" and len(self.scores) not in (1, 2):
            raise ValueError(
                f'`mix = "gate"` weighs two scores, got {len(self.scores)}; use "softmax" or "sum"'
            )
        return self


@dataclass(frozen=True)
class AttentionState:
    """What decoding keeps: values, and the keys of scores that read them (batch, heads, keys, d_head)."""

    values: Tensor | None = None
    keys: tuple[Tensor | None, ...] = ()

    def followed_by(self, new: "AttentionState") -> "AttentionState":
        """Append the positions of `new`."""
        assert self.values is not None and new.values is not None
        keys = tuple(
            None if old is None or key is None else torch.cat((old, key), dim=2)
            for old, key in zip(self.keys, new.keys, strict=True)
        )
        return AttentionState(torch.cat((self.values, new.values), dim=2), keys)


class Attention(nn.Module):
    """Only the projections its scores need exist; nothing caches keys that nothing reads."""

    def __init__(
        self, config: AttentionConfig, d_model: int, max_queries: int, max_keys: int, is_cross: bool = False
    ) -> None:
        super().__init__()
        if d_model % config.heads:
            raise SynthError(
                f"`d_model = {d_model}` is not divisible by `heads = {config.heads}`",
                "choose a number of heads that divides d_model",
            )
        shape = ScoreShape(d_model, config.heads, max_queries, max_keys)
        self.config, self.shape, self.is_cross = config, shape, is_cross
        self.scores: Sequence[ScoreFunction] = nn.ModuleList(
            SCORES[score.kind](score, shape) for score in config.scores
        )  # type: ignore[assignment]
        self.mixing = MIXINGS[config.mix](config.heads, len(self.scores)) if len(self.scores) > 1 else None
        self.value = nn.Linear(d_model, d_model)
        self.output = nn.Linear(d_model, d_model)

    @property
    def reads_queries(self) -> bool:
        """False where the result does not depend on x: random scores over a memory."""
        return not self.is_cross or any(score.reads_queries for score in self.scores)

    def forward(
        self, x: Float[Tensor, "batch queries d_model"], context: Context, state: AttentionState | None = None
    ) -> tuple[Float[Tensor, "batch queries d_model"], AttentionState | None]:
        kept = self._values_and_keys(x, context, state)
        assert kept.values is not None
        self._check_length(context.start + x.shape[1], kept.values.shape[2])
        y = self.output(merge_heads(self._mix(x, kept, kept.values, context)))
        return y, None if state is None else kept

    def _values_and_keys(self, x: Tensor, context: Context, state: AttentionState | None) -> AttentionState:
        has_past = state is not None and state.values is not None
        if self.is_cross and has_past:
            assert state is not None
            return state
        source = x if context.memory is None else context.memory
        values = split_heads(self.value(source), self.config.heads)
        new = AttentionState(values, tuple(score.project_keys(source) for score in self.scores))
        return state.followed_by(new) if state is not None and has_past else new

    def _mix(self, x: Tensor, kept: AttentionState, values: Tensor, context: Context) -> Tensor:
        """Choose the form by what has to be computed; all three are the same function."""
        queries, num_keys = x.shape[1], values.shape[2]
        is_causal = context.causal and not self.is_cross
        dropout = self.config.dropout if self.training else 0.0
        only = self.scores[0] if len(self.scores) == 1 else None
        # with dropout torch's fused attention is the plain formula on a processor, and draws slowly
        is_fused = dropout == 0 or x.device.type != "cpu"
        if isinstance(only, DotProduct) and is_fused:
            query, key = only.project_queries(x), kept.keys[0]
            assert key is not None
            if is_causal and context.has_plain_window and queries == num_keys:
                return fused(query, key, values, None, dropout, is_causal=True)
            return fused(query, key, values, self._visible(x, num_keys, context), dropout, is_causal=False)
        logits = self._logits(x, kept.keys, context.start, num_keys)
        if logits.dim() == 3 and context.documents is None:
            causal = visible_keys(Context(context.start), is_causal, queries, num_keys, x.device)
            causal = None if causal is None else causal[0, 0]
            return shared(logits, values, causal, context.key_padding, dropout)
        return general(logits, values, self._visible(x, num_keys, context), dropout)

    def _logits(self, x: Tensor, keys: tuple[Tensor | None, ...], start: int, num_keys: int) -> Tensor:
        """Return Σ_i α_i S_i: (batch, heads, queries, keys), or without batch where no score has one."""
        parts = [score(x, key, start, num_keys) for score, key in zip(self.scores, keys, strict=True)]
        return parts[0] if self.mixing is None else self.mixing(parts)

    def _visible(self, x: Tensor, num_keys: int, context: Context) -> Tensor | None:
        is_causal = context.causal and not self.is_cross
        return visible_keys(context, is_causal, x.shape[1], num_keys, x.device)

    def _check_length(self, queries: int, keys: int) -> None:
        if not any(score.has_length_limit for score in self.scores):
            return
        for length, limit in ((queries, self.shape.max_queries), (keys, self.shape.max_keys)):
            if length > limit:
                raise too_long(length, limit)
