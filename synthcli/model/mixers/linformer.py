"""Linformer: head_i = softmax(Q_i (E_i K_i)ᵀ / √d_head) F_i V_i, with E_i, F_i ∈ R^{k×n}  (Wang et al. 2020,
arXiv 2006.04768, eq. 7).

A row of E K is a sum over the whole sequence, so this is for encoders. A text shorter than n meets the first
columns of E and F; padding adds nothing to a row.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from synthcli.model.context import Context, too_long
from synthcli.model.dropout import dropout
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model.scores.base import merge_heads, split_heads
from synthcli.model_config.linformer import LinformerConfig


class Linformer(Mixer):
    """k scores a query, however long the text; n is the stack's `max_length`."""

    writes_stream = True

    def __init__(self, config: LinformerConfig, site: Site) -> None:
        super().__init__(config, site)
        width = config.heads * config.width_of_head(site.d_model)
        self.config: LinformerConfig = config
        self.max_length = site.max_keys
        self.scale: float = config.width_of_head(site.d_model) ** -0.5
        self.query = nn.Linear(site.d_model, width)
        self.key = nn.Linear(site.d_model, width)
        self.value = nn.Linear(site.d_model, width)
        self.output = nn.Linear(width, site.d_model)
        rows = (config.heads if config.sharing == "none" else 1, config.k, site.max_keys)
        self.key_length = nn.Parameter(torch.empty(rows))  # E
        is_one = config.sharing == "key-value"
        self.value_length = None if is_one else nn.Parameter(torch.empty(rows))  # F

    def initialise_parameters(self) -> None:
        """Entries of variance 1/n keep the variance of keys and values."""
        for length in (self.key_length, self.value_length):
            if length is not None:
                nn.init.normal_(length, std=self.max_length**-0.5)

    def initial_state(self) -> None:
        return None

    def forward(
        self, x: Float[Tensor, "batch length d_model"], context: Context, state: None = None
    ) -> tuple[Float[Tensor, "batch length d_model"], None]:
        query, key, value = (split_heads(m(x), self.config.heads) for m in (self.query, self.key, self.value))
        E, F = self._projections(x.shape[1])
        if context.key_padding is not None:
            real = ~context.key_padding[:, None, :, None]
            key, value = key * real, value * real
        if context.documents is None:
            weights = self._weights(query @ (E @ key).mT)
            y = weights @ (F @ value)
        else:
            y = self._apart(query, key, value, _same_document(context.documents))
        return self.output(merge_heads(y)), None

    def _projections(self, length: int) -> tuple[Tensor, Tensor]:
        """Return the columns of E and F that a text of this length meets."""
        if length > self.max_length:
            raise too_long(length, self.max_length)
        E = self.key_length[..., :length]
        return E, E if self.value_length is None else self.value_length[..., :length]

    def _weights(self, logits: Float[Tensor, "batch heads queries k"]) -> Tensor:
        wide = torch.promote_types(logits.dtype, torch.float32)
        weights = (logits * self.scale).softmax(dim=-1, dtype=wide)
        return dropout(weights, self.config.dropout if self.training else 0.0).to(logits.dtype)

    def _apart(
        self, query: Tensor, key: Tensor, value: Tensor, same: Bool[Tensor, "batch one length length"]
    ) -> Float[Tensor, "batch heads length d_head"]:
        """Return what a query reads where each document has rows of E K and F V of its own.

        q_i (E K)ᵀ = (q_i Kᵀ) Eᵀ and p_i (F V) = (p_i F) V, sums over positions, which `same` cuts to the
        query's document: length × length numbers a head, as attention has.
        """
        E, F = self._projections(query.shape[2])
        weights = self._weights((query @ key.mT * same) @ E.mT)
        return ((weights @ F) * same) @ value


def _same_document(documents: Tensor) -> Bool[Tensor, "batch one length length"]:
    return (documents[:, :, None] == documents[:, None, :])[:, None]
