"""What `generate` keeps between steps: the model's own state."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from synthcli.interop.export.hugging_face.remote.padding import padding_of, starts_of
from synthcli.model.state import select_state

Run = Callable[[Tensor, Tensor, Tensor | None, Tensor, Any], tuple[Tensor, Any]]


@dataclass
class Group:
    """Rows that begin at the same position of the batch, and their state."""

    rows: Tensor
    start: int
    state: Any


class SynthCache:
    """Rows whose padding differs are apart, so that each counts its positions from its first real token."""

    is_compileable = False

    def __init__(self, groups: list[Group]) -> None:
        self.groups = groups

    @classmethod
    def before(cls, mask: Tensor | None, batch: int, device: Any, state: Any) -> "SynthCache":
        """Return the cache before the first position."""
        if mask is None:
            return cls([Group(torch.arange(batch, device=device), 0, state)])
        starts = starts_of(mask)
        edges = sorted(set(starts.tolist()))
        return cls([Group((starts == start).nonzero()[:, 0], start, state) for start in edges])

    @property
    def size(self) -> int:
        """The rows of all groups."""
        return sum(len(group.rows) for group in self.groups)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many positions of the batch, padding included, were seen."""
        return max(
            0 if group.state.position == 0 else group.start + group.state.position for group in self.groups
        )

    def get_max_cache_shape(self, layer_idx: int = 0) -> int:
        return -1

    def step(
        self, run: Run, tokens: Tensor, mask: Tensor | None, kept: int, has_state: bool
    ) -> Float[Tensor, "batch kept vocabulary"]:
        """Return the logits of the last `kept` positions; with state, what was seen is kept too.

        Logits at what a row begins with are 0.
        """
        seen = self.get_seq_length()
        logits: Any = None
        for group in self.groups:
            new = tokens[group.rows, max(group.start - seen, 0) :]
            last = min(kept, new.shape[1])
            select = torch.zeros_like(new, dtype=torch.bool)
            select[:, new.shape[1] - last :] = True
            padding = padding_of(None if mask is None else mask[group.rows, group.start :])
            part, state = run(group.rows, new, padding, select, group.state if has_state else None)
            group.state = state if has_state else group.state
            if logits is None:
                logits = part.new_zeros(len(tokens), kept, part.shape[-1])
            logits[group.rows, kept - last :] = part.view(len(new), last, -1)
        return logits

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Let row i go on from what row `beam_idx[i]` has seen."""
        self.batch_select_indices(beam_idx)

    def batch_select_indices(self, indices: Tensor) -> None:
        groups = []
        for group in self.groups:
            # (new rows, rows of the group): which of them each new row takes
            takes = indices[:, None] == group.rows.to(indices.device)[None]
            rows, places = takes.nonzero(as_tuple=True)
            if len(rows):
                groups.append(Group(rows, group.start, select_state(group.state, places)))
        self.groups = groups

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.batch_select_indices(torch.arange(self.size).repeat_interleave(repeats))
