"""`position_ids`: how rows are told to hold several texts, each of which counts from 0."""

import torch
from torch import Tensor

from synthcli.exporters.hugging_face.remote.padding import Turn, starts_of


class Unpacked:
    """Brings every text of packed rows to a row of its own, and back; (batch, length) of the rows.

    `places` are (row, first, length) of each text.
    """

    def __init__(self, shape: tuple[int, int], rows: Tensor, firsts: Tensor, lengths: Tensor) -> None:
        self.shape, self.rows = shape, rows
        steps = torch.arange(int(lengths.max()), device=rows.device)
        self.padding = steps >= lengths[:, None]
        self.columns = (firsts[:, None] + steps).clamp_max(shape[1] - 1)  # (texts, longest)

    def to_front(self, rows: Tensor) -> Tensor:
        return rows[self.rows[:, None], self.columns]

    def back(self, texts: Tensor) -> Tensor:
        text, step = (self.columns >= 0).logical_and(~self.padding).nonzero(as_tuple=True)
        found = texts.new_zeros(*self.shape, *texts.shape[2:])
        return found.index_put((self.rows[text], self.columns[text, step]), texts[text, step])

    def back_map(self, maps: Tensor) -> Tensor:
        """Return maps (batch, heads, queries, keys) that are 0 from one text to another."""
        real = ~self.padding
        text, query, key = (real[:, :, None] & real[:, None, :]).nonzero(as_tuple=True)
        found = maps.new_zeros(self.shape[0], self.shape[1], self.shape[1], maps.shape[1])
        places = (self.rows[text], self.columns[text, query], self.columns[text, key])
        return found.index_put(places, maps[text, :, query, key]).permute(0, 3, 1, 2)


def layout_of(mask: Tensor | None, positions: Tensor | None, length: int) -> Turn | Unpacked:
    """Return how to bring texts to where their positions count from 0."""
    if positions is None:
        return Turn(mask)
    if torch.compiler.is_compiling():
        raise ValueError("`position_ids` cannot be read while a graph is traced: leave them out")
    real, counted = real_and_counted(mask, positions, length)
    if bool((positions == counted)[real].all()):
        return Turn(mask)
    return unpack_rows(real, positions.expand_as(real))


def refuse_positions(
    positions: Tensor | None, mask: Tensor | None, starts: Tensor, seen: int, length: int
) -> None:
    """Raise where positions after `seen` are not those that the model counts itself, from `starts`."""
    if positions is None:
        return
    real, _ = real_and_counted(mask, positions, seen + length)
    counted = torch.arange(seen + length, device=starts.device) - starts[:, None]
    real = real.expand_as(counted)
    wanted = positions[:, -length:]
    if not bool((wanted == counted[:, seen:])[real[:, seen:]].all()):
        raise ValueError(
            "`position_ids` are not those of one text a row; with a cache it counts on from the first real "
            "token: leave them out, or pass `use_cache=False` for texts that are packed into a row"
        )


def real_and_counted(mask: Tensor | None, positions: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return where tokens are, and their columns from the first of them."""
    if mask is None:
        mask = torch.ones(len(positions), length, device=positions.device)
    return mask != 0, torch.arange(length, device=mask.device) - starts_of(mask)[:, None]


def unpack_rows(real: Tensor, positions: Tensor) -> Unpacked:
    """Return the texts of packed rows, or raise where positions do not count each from 0."""
    columns = torch.arange(real.shape[1], device=real.device)
    starts = real & (positions == 0)
    begins = torch.where(starts, columns, -1).cummax(1).values  # (batch, length): where its text began
    if bool((real & ((begins < 0) | (positions != columns - begins))).any()):
        raise ValueError("`position_ids` of a text have to count 0, 1, 2, … from its first token")
    rows, firsts = starts.nonzero(as_tuple=True)
    number = starts.flatten().cumsum(0).view_as(starts) - 1
    lengths = torch.bincount(number[real], minlength=len(rows))
    return Unpacked((real.shape[0], real.shape[1]), rows, firsts, lengths)
