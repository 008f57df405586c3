"""SRU: gates from the input, a recurrence without matrix products  (Lei et al. 2018, arXiv 1709.02755)."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from synthcli.model.context import Context
from synthcli.model.dropout import dropout
from synthcli.model.joined_maps import products_dtype
from synthcli.model.launches import counts_launches
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model.ops.recurrence import recurrence
from synthcli.model.parameters import without_decay
from synthcli.model_config.recurrent import RecurrentConfig, SRUConfig


@dataclass(frozen=True)
class RecurrentState:
    """The last c (batch, D); SRU++ adds what its attention remembers (batch, positions, width)."""

    c: Tensor | None = None
    memory: Tensor | None = None


class Recurrent(Mixer):
    """One layer: U from a transform, then the recurrence; h has the width of the model again.

    A subclass defines `transform(x, raw, context, memory) -> (U, what to remember)`, `raw` being x before a
    norm; U (batch, length, K · D) holds D columns each of u0, u1, u2 and, where widths differ, the skipped
    input.
    """

    def __init__(self, config: RecurrentConfig, site: Site) -> None:
        super().__init__(config, site)
        self.config: RecurrentConfig = config
        self.site = site
        self.width = config.width_of_output(site.width_out)
        self.blocks = 4 if config.skip and self.width != site.d_model else 3
        self.rate = site.dropout if config.dropout is None else config.dropout
        weight_c = nn.Parameter(torch.empty(2, self.width), requires_grad=config.weight_c)
        self.weight_c = without_decay(weight_c)
        self.bias = nn.Parameter(torch.empty(2, self.width))
        norm_width = site.d_model if config.layer_norm == "before" else self.width
        self.norm = nn.LayerNorm(norm_width) if config.layer_norm != "none" else None
        self.output = None
        if self.width != site.width_out:
            self.output = nn.Linear(self.width, site.width_out, bias=False)

    def initialise_parameters(self) -> None:
        """v uniform in ±1, biases 0 and `highway_bias`, maps Glorot's uniform."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        if self.config.weight_c:
            nn.init.uniform_(self.weight_c, -1, 1)
        else:
            nn.init.zeros_(self.weight_c)
        nn.init.zeros_(self.bias[0])
        nn.init.constant_(self.bias[1], self.config.highway_bias)

    def initial_state(self) -> RecurrentState:
        return RecurrentState()

    def transform(
        self, x: Tensor, raw: Tensor, context: Context, memory: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "batch length d_model"], context: Context, state: RecurrentState | None = None
    ) -> tuple[Float[Tensor, "batch length d_model"], RecurrentState | None]:
        h, new = self.layer(x, context, state)
        y = h if self.output is None else self.output(h)
        return y, None if state is None else new

    def layer(
        self, x: Tensor, context: Context, state: RecurrentState | None
    ) -> tuple[Float[Tensor, "batch length width"], RecurrentState]:
        """Return h before it is brought to the width of the model, and the state."""
        state = state or RecurrentState()
        norm = self.norm if self.config.layer_norm == "before" else None
        if norm is None and self.output is None:
            x = x.to(products_dtype(x) or x.dtype)  # everything that reads x would cast it
        inputs = x if norm is None else norm(x)
        memory = self.recall_memory(state.memory, norm)
        u, new_memory = self.transform(inputs, x, context, memory)
        u = u.unflatten(-1, (self.blocks, self.width))
        initial = state.c if state.c is not None else x.new_zeros(x.shape[0], self.width)
        h, c = self.recur(u, x, initial, context)
        if self.config.layer_norm == "after" and self.norm is not None:
            h = self.norm(h)
        return h, RecurrentState(c, new_memory if new_memory is not None else self.to_remember(x))

    def recall_memory(self, memory: Tensor | None, norm: nn.Module | None) -> Tensor | None:
        """Return what attention reads of the past; SRU reads nothing."""
        return None

    def to_remember(self, x: Tensor) -> Tensor | None:
        return None

    @property
    def skip_scale(self) -> float:
        """The factor of the skipped input; √(1 + 2 exp(highway_bias)) keeps the variance of x in h."""
        scale = self.config.rescale
        if self.blocks != 3 or scale is False:
            return 1.0
        return math.sqrt(1 + 2 * math.exp(self.config.highway_bias)) if scale is True else scale

    def recur(self, u: Tensor, x: Tensor, initial: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """Run the recurrence, the second half of the columns backwards where it is bidirectional."""
        length, bidirectional = u.shape[1], self.config.bidirectional
        padding = context.key_padding
        padding = None if padding is None else padding[:, context.start : context.start + length]
        starts = _document_starts(context, length)
        ends = _document_starts(context, length, reverse=True) if bidirectional else None
        if starts is not None and ends is not None:
            starts = torch.stack((starts, ends))
        mask = None
        if self.training and self.rate and not self.site.is_last:
            mask = dropout(self._ones(u, context), self.rate)
        return recurrence(
            u,
            x
            if self.config.skip and self.blocks == 3
            else None,  # else U's fourth part is skipped, or nothing
            initial,
            self.weight_c,
            self.bias,
            padding,
            starts,
            mask,
            skip_scale=self.skip_scale,
            bidirectional=bidirectional,
        )

    def _ones(self, u: Tensor, context: Context) -> Tensor:
        """Return what dropout masks are drawn on; where launches count, of the type they are read in."""
        wide = torch.promote_types(u.dtype, torch.float32)
        dtype = wide if counts_launches(u) else u.dtype
        name = ("ones", len(u), self.width, dtype)
        ones = context.once(name, lambda: u.new_ones(len(u), self.width, dtype=dtype))
        assert ones is not None
        return ones


class SRU(Recurrent):
    """U = W x, or W_2 W_1 x with a `projection`."""

    def __init__(self, config: SRUConfig, site: Site) -> None:
        super().__init__(config, site)
        columns, rank = self.blocks * self.width, config.projection
        self.reduce = nn.Linear(site.d_model, rank, bias=False) if rank is not None else nn.Identity()
        self.expand = nn.Linear(rank or site.d_model, columns, bias=False)

    def transform(
        self, x: Tensor, raw: Tensor, context: Context, memory: Tensor | None
    ) -> tuple[Tensor, None]:
        return self.expand(self.reduce(x)), None


def _document_starts(context: Context, length: int, reverse: bool = False) -> Tensor | None:
    """Return True at the first position of each document, or at the last in reverse."""
    if context.documents is None:
        return None
    ids = context.documents[:, context.start : context.start + length]
    differs = ids[:, 1:] != ids[:, :-1]
    edge = torch.ones_like(ids[:, :1], dtype=torch.bool)
    if not reverse and context.start > 0:
        edge = ids[:, :1] != context.documents[:, context.start - 1 : context.start]
    return torch.cat((differs, edge), 1) if reverse else torch.cat((edge, differs), 1)
