"""What `generate` keeps between steps: the model's own state."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from synthcli.exporters.hugging_face.remote.padding import padding_of, starts_of
from synthcli.exporters.hugging_face.remote.stacks import Seen
from synthcli.model.stack import State
from synthcli.model.state import select_state

Run = Callable[[Tensor, Tensor, Tensor | None, State], tuple[Seen, State | None]]


@dataclass
class Group:
    """Rows that begin at the same position of the batch, and their state."""

    rows: Tensor
    start: int
    state: State


class SynthCache:
    """Rows whose padding differs are apart, so that each counts its positions from its first real token."""

    is_compileable = False

    def __init__(self, groups: list[Group]) -> None:
        self.groups = groups

    @classmethod
    def before(cls, mask: Tensor | None, vectors: Tensor, state: State) -> "SynthCache":
        """Return the cache before the first position."""
        if mask is None:
            return cls([Group(torch.arange(len(vectors), device=vectors.device), 0, state)])
        if torch.compiler.is_compiling():
            raise ValueError("`use_cache` with an `attention_mask` cannot be traced: pass `use_cache=False`")
        starts = starts_of(mask)
        edges = sorted(set(starts.tolist()))
        return cls([Group((starts == start).nonzero()[:, 0], start, state) for start in edges])

    @property
    def size(self) -> int:
        """The rows of all groups."""
        return sum(len(group.rows) for group in self.groups)

    @property
    def starts(self) -> Tensor:
        """The position of the batch at which each row begins."""
        found = torch.zeros(self.size, dtype=torch.long, device=self.groups[0].rows.device)
        for group in self.groups:
            found[group.rows] = group.start
        return found

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many positions of the batch, padding included, were seen."""
        return max(
            0 if group.state.position == 0 else group.start + group.state.position for group in self.groups
        )

    def get_max_cache_shape(self, layer_idx: int = 0) -> int:
        return -1

    def step(self, run: Run, vectors: Tensor, mask: Tensor | None) -> Seen:
        """Return what new positions see, and keep what they were; what a row begins with sees 0."""
        seen = self.get_seq_length()
        whole = None
        for group in self.groups:
            new = vectors[group.rows, max(group.start - seen, 0) :]
            padding = padding_of(None if mask is None else mask[group.rows, group.start :])
            part, state = run(group.rows, new, padding, group.state)
            assert state is not None  # of a call that was given one
            group.state = state
            whole = whole or room_for(part, len(vectors), vectors.shape[1], seen)
            put(whole, part, group)
        assert whole is not None
        return whole

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


def room_for(part: Seen, batch: int, length: int, seen: int) -> Seen:
    """Return zeros for what all rows see."""
    hidden = tuple(x.new_zeros(batch, length, x.shape[-1]) for x in part.hidden)
    maps = tuple(x.new_zeros(batch, x.shape[1], length, seen + length) for x in part.maps)
    cross = tuple(x.new_zeros(batch, x.shape[1], length, x.shape[-1]) for x in part.cross_maps)
    return Seen(hidden, maps, cross)


def put(whole: Seen, part: Seen, group: Group) -> None:
    """Write what the rows of a group see to their places."""
    for all_rows, x in zip(whole.hidden, part.hidden, strict=True):
        all_rows[group.rows, all_rows.shape[1] - x.shape[1] :] = x
    for all_rows, x in zip(whole.maps, part.maps, strict=True):
        all_rows[group.rows, :, all_rows.shape[2] - x.shape[2] :, all_rows.shape[3] - x.shape[3] :] = x
    for all_rows, x in zip(whole.cross_maps, part.cross_maps, strict=True):
        all_rows[group.rows, :, all_rows.shape[2] - x.shape[2] :] = x


def cache_of(past: object) -> SynthCache | None:
    """Return the cache that a call goes on from; another library's is refused."""
    if past is None or isinstance(past, SynthCache):
        return past
    raise ValueError(
        f"`past_key_values` is a {type(past).__name__}, but this model keeps a state of its own: pass "
        "`use_cache=True`, and then the `past_key_values` of the output"
    )
