"""Attention: Y = softmax(Σ_i α_i S_i + mask) X W_v W_o, whatever fills S_i  (Tay et al. 2021, section 3)."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthcli.model.context import Context, Once, too_long
from synthcli.model.joined_maps import NOTHING, Joining, Mapped, read_map
from synthcli.model.launches import counts_launches
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model.mixers.dot_products import attend_fused
from synthcli.model.mixers.masks import additive_mask, visible_distances, visible_keys
from synthcli.model.mixers.mixing import MIXINGS
from synthcli.model.mixers.projections import build_projection
from synthcli.model.mixers.shaping import Shaping, running_total
from synthcli.model.mixers.weighted_values import attention_map, general, weigh_shared
from synthcli.model.module_list import list_of
from synthcli.model.scores import SCORES, ScoreFunction
from synthcli.model.scores.base import split_heads
from synthcli.model.scores.dot_product import DotProduct
from synthcli.model_config.attention import AttentionConfig


@dataclass(frozen=True)
class AttentionState:
    """What decoding keeps: values, and the keys of scores that read them (batch, heads, keys, d_head).

    `total` is the sum of the values and their number (batch, 1, heads · d_head + 1), for shaped attention.
    """

    values: Tensor | None = None
    keys: tuple[Tensor | None, ...] = ()
    total: Tensor | None = None

    def append_positions(self, new: "AttentionState") -> "AttentionState":
        """Append the positions of `new`."""
        assert self.values is not None and new.values is not None
        keys = tuple(
            None if old is None or key is None else torch.cat((old, key), dim=2)
            for old, key in zip(self.keys, new.keys, strict=True)
        )
        return AttentionState(torch.cat((self.values, new.values), dim=2), keys, self.total)


class Attention(Mixer, Joining):
    """Only the projections its scores need exist; nothing caches keys that nothing reads."""

    writes_stream = True

    def __init__(self, config: AttentionConfig, site: Site) -> None:
        super().__init__(config, site)
        width, d_head = site.d_model, config.width_of_head(site.d_model)
        shape = site.score_shape(width, config.heads, d_head)
        self.config: AttentionConfig = config
        self.shape, self.is_cross = shape, site.is_cross
        self.scores = list_of(SCORES[score.kind](score, shape) for score in config.scores)
        self.mixing = None
        if len(self.scores) > 1:
            self.mixing = MIXINGS[config.mix](config.heads, len(self.scores), config.gate_init)
        value = config.first_value if site.is_first and config.first_value else config.value
        output = config.last_output if site.is_last and config.last_output else config.output
        self.value = build_projection(value, width, config.heads * d_head)
        self.output = build_projection(output, config.heads * d_head, width)
        self.shaping = Shaping(config.shaping, config.heads) if config.shaping is not None else None

    def initial_state(self) -> AttentionState:
        return AttentionState()

    @property
    def reads_queries(self) -> bool:
        """False where the result does not depend on x: random scores over a memory."""
        return not self.is_cross or any(score.reads_queries for score in self.scores)

    def forward(
        self, x: Float[Tensor, "batch queries d_model"], context: Context, state: AttentionState | None = None
    ) -> tuple[Float[Tensor, "batch queries d_model"], AttentionState | None]:
        source = x if context.memory is None else context.memory
        done = self._read_joined(x, source, state)
        kept = self._values_and_keys(x, context, state, done)
        assert kept.values is not None
        self._check_length(context.start + x.shape[1], kept.values.shape[2])
        mixed = self._mix(x, kept, kept.values, context, done)
        if self.shaping is None:
            y = self.output(mixed.transpose(1, 2).flatten(2))
        else:
            past = None if state is None else state.total
            y = self.output(self.shaping(mixed, kept.values, context, past).flatten(2))
        return y, None if state is None else self._with_total(kept, x.shape[1], context)

    def attention_map(
        self, x: Float[Tensor, "batch queries d_model"], context: Context, state: AttentionState | None = None
    ) -> Float[Tensor, "batch heads queries keys"]:
        """Return softmax(Σ_i α_i S_i + mask) of the same call of `forward`, without dropout."""
        kept = self._values_and_keys(x, context, state)
        assert kept.values is not None
        num_keys = kept.values.shape[2]
        logits = self._logits(x, kept.keys, context.start, num_keys)
        weights = attention_map(logits, self._visible(x, num_keys, context))
        return weights.expand(len(x), *weights.shape[-3:])

    def maps_of_one_input(self) -> tuple[nn.Module, ...]:
        """Return the maps of a plain dot product: value, key and, where it reads the same, query."""
        only = self.scores[0] if len(self.scores) == 1 else None
        if not isinstance(only, DotProduct) or not only.is_plain:
            return ()
        return (self.value, only.key) if self.is_cross else (self.value, only.key, only.query)

    def _read_joined(self, x: Tensor, source: Tensor, state: AttentionState | None) -> Mapped:
        """Return what joined maps make of the source; nothing where the query's reads something else."""
        if self.joined is None or self._knows_keys(state):
            return NOTHING
        reads_both = source is not x and getattr(self.scores[0], "query", None) in self.joined.maps
        return NOTHING if reads_both else self.joined(source)

    def _knows_keys(self, state: AttentionState | None) -> bool:
        return self.is_cross and state is not None and state.values is not None

    def _values_and_keys(
        self, x: Tensor, context: Context, state: AttentionState | None, done: Mapped = NOTHING
    ) -> AttentionState:
        has_past = state is not None and state.values is not None
        if self._knows_keys(state):
            assert state is not None
            return state
        source = x if context.memory is None else context.memory
        # all but a memory across end where the queries do
        start = 0 if self.is_cross else context.start + x.shape[1] - source.shape[1]
        values = split_heads(read_map(self.value, source, done), self.config.heads)
        new = AttentionState(
            values, tuple(_keys(score, source, start, done, context.once) for score in self.scores)
        )
        return state.append_positions(new) if state is not None and has_past else new

    def _with_total(self, kept: AttentionState, queries: int, context: Context) -> AttentionState:
        """Add the new values to the running sum that shaped attention decodes with."""
        if self.shaping is None or not self.shaping.has_centre or context.documents is not None:
            return kept
        assert kept.values is not None
        new = kept.values[:, :, -queries:].transpose(1, 2).flatten(2)
        real = None if context.key_padding is None else ~context.key_padding[:, -queries:]
        wide = torch.promote_types(new.dtype, torch.float32)
        past = torch.zeros(1, 1, 1, dtype=wide, device=new.device) if kept.total is None else kept.total
        return AttentionState(kept.values, kept.keys, running_total(new, real, past)[:, -1:])

    def _mix(self, x: Tensor, kept: AttentionState, values: Tensor, context: Context, done: Mapped) -> Tensor:
        """Choose the form by what has to be computed; all three are the same function."""
        queries, num_keys = x.shape[1], values.shape[2]
        is_causal = context.causal and not self.is_cross
        dropout = self.config.dropout if self.training else 0.0
        only = self.scores[0] if len(self.scores) == 1 else None
        # with dropout torch's fused attention is the plain formula on a processor, and draws slowly
        is_fused = dropout == 0 or x.device.type != "cpu"
        if isinstance(only, DotProduct) and only.is_plain and is_fused:
            query, key = only.project_queries(x, context.start, done, context.once), kept.keys[0]
            assert key is not None
            if is_causal and context.has_plain_window and queries == num_keys and not only.alibi:
                return attend_fused(query, key, values, None, dropout, True)
            return attend_fused(
                query, key, values, self._mask(query, num_keys, context, only), dropout, False
            )
        logits = self._logits(x, kept.keys, context.start, num_keys)
        if logits.dim() == 3 and context.documents is None:
            limits = replace(context, key_padding=None)
            causal = visible_keys(limits, is_causal, queries, num_keys, x.device)
            causal = None if causal is None else causal[0, 0]
            return weigh_shared(logits, values, causal, context.key_padding, dropout)
        return general(logits, values, self._visible(x, num_keys, context), dropout)

    def _logits(self, x: Tensor, keys: tuple[Tensor | None, ...], start: int, num_keys: int) -> Tensor:
        """Return Σ_i α_i S_i: (batch, heads, queries, keys), or without batch where no score has one."""
        parts = [score(x, key, start, num_keys) for score, key in zip(self.scores, keys, strict=True)]
        return parts[0] if self.mixing is None else self.mixing(parts)

    def _visible(self, x: Tensor, num_keys: int, context: Context) -> Tensor | None:
        is_causal = context.causal and not self.is_cross
        return visible_keys(context, is_causal, x.shape[1], num_keys, x.device)

    def _mask(self, query: Tensor, num_keys: int, context: Context, score: DotProduct) -> Tensor | None:
        """Return the visible keys as fused attention takes them: on a GPU it would turn each layer's."""
        queries, is_causal = query.shape[2], context.causal and not self.is_cross
        visible = visible_keys(context, is_causal, queries, num_keys, query.device)
        if score.alibi:
            sizes = (score.heads, context.start, queries, num_keys, query.dtype, query.device)
            key = ("distances", context.window, is_causal, *sizes)
            return context.once(key, lambda: visible_distances(visible, *sizes))
        if visible is None or not counts_launches(query):
            return visible
        name = ("added", context.start, context.window, is_causal, queries, num_keys, query.dtype)
        return context.once(name, lambda: additive_mask(visible, query.dtype))

    def _check_length(self, queries: int, keys: int) -> None:
        if not any(score.has_length_limit for score in self.config.scores):
            return
        for length, limit in ((queries, self.shape.max_queries), (keys, self.shape.max_keys)):
            if length > limit:
                raise too_long(length, limit)


def _keys(score: ScoreFunction, source: Tensor, start: int, done: Mapped, once: Once) -> Tensor | None:
    """Return the keys of a score; only the map of a dot product may be done already."""
    if isinstance(score, DotProduct):
        return score.project_keys(source, start, done, once)
    return score.project_keys(source, start)
