"""SRU++: SRU whose transform is an attention of its own  (Lei 2021, arXiv 2102.12459, section 3).

    z = W_1 x        K, V = W_2 z, Q = z        y = LN(α softmax(S) V + z)        U = W_3 dropout(y)

α starts at 0. Layers without attention: U = W_3 dropout(LN(W_1 x)).
"""

import torch
from torch import Tensor, nn

from synthcli.model.context import Context
from synthcli.model.dropout import Dropout
from synthcli.model.gains import plus_scaled
from synthcli.model.mixers.attention import Attention
from synthcli.model.mixers.base import Site
from synthcli.model.mixers.remembering import append_memory, context_within, keep_window
from synthcli.model.mixers.sru import Recurrent
from synthcli.model.parameters import in_rate_group
from synthcli.model_config.recurrent import SRUppConfig


class SRUpp(Recurrent):
    """Its memory holds what came before: layer inputs in training, projected anew; z in evaluation."""

    def __init__(self, config: SRUppConfig, site: Site) -> None:
        super().__init__(config, site)
        self.config: SRUppConfig = config
        self.reduce = nn.Linear(site.d_model, config.projection, bias=False)
        self.attention, self.alpha = None, None
        if config.has_attention(site.layer, site.layers):
            sizes = (config.projection, site.max_queries, site.max_keys)
            inner = Site(*sizes, rotary=site.rotary, alibi=site.alibi)
            self.attention = Attention(config.attention, inner)
            if config.attention_gain:
                self.alpha = in_rate_group(nn.Parameter(torch.empty(1)), "gains")
        self.inner_norm = nn.LayerNorm(config.projection) if config.inner_norm else None
        self.dropout = Dropout(self.rate)
        self.expand = nn.Linear(config.projection, self.blocks * self.width, bias=False)

    def initialise_parameters(self) -> None:
        super().initialise_parameters()
        if self.alpha is not None:
            nn.init.zeros_(self.alpha)
        with torch.no_grad():
            self.expand.weight.mul_((1 - self.rate) ** 0.5)

    def recall_memory(self, memory: Tensor | None, norm: nn.Module | None) -> Tensor | None:
        """Return z of the past; layer inputs are projected by today's weights, which learn from them."""
        if memory is None or not self.training:
            return memory
        is_normalised = norm is not None and self.config.memory_from == "norm"
        z: Tensor = self.reduce(norm(memory) if norm is not None and is_normalised else memory)
        return z

    def to_remember(self, x: Tensor) -> Tensor | None:
        """Return this segment's inputs: the memory of the next, which no gradient enters."""
        return x.detach() if self.attention is not None else None

    def transform(
        self, x: Tensor, raw: Tensor, context: Context, memory: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        z = self.reduce(x)
        y, kept = z, None
        if self.attention is not None:
            everything = append_memory(memory, z)
            attended, _ = self.attention(z, context_within(context, everything, z.shape[1]))
            y = z + attended if self.alpha is None else plus_scaled(z, attended, self.alpha)
            if not self.training:
                new = z if self.config.memory_from == "norm" else self.reduce(raw)
                kept = keep_window(append_memory(memory, new), context)
        if self.inner_norm is not None:
            y = self.inner_norm(y)
        return self.expand(self.dropout(y)), kept
