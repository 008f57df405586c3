"""Rows of text as pieces that fit: nothing is dropped, and an empty row makes none."""

import numpy as np

from synthcli.data.store.ragged import Ids, Indices, Ragged


class Pieces:
    """Pieces by number; `sizes` are their tokens."""

    def __init__(self, rows: Ragged, room: int) -> None:
        self.rows, self.room = rows, room
        numbers = -(-rows.lengths // room)
        self.ends = np.cumsum(numbers)  # the piece after the last of each row
        self.sizes: Indices = np.full(int(self.ends[-1]), room, dtype=np.int64)
        is_shown = numbers > 0
        self.sizes[self.ends[is_shown] - 1] = (rows.lengths - (numbers - 1) * room)[is_shown]
        self.cut = int((numbers > 1).sum())

    def __getitem__(self, piece: int) -> Ids:
        row = int(np.searchsorted(self.ends, piece, side="right"))
        start = (piece - (int(self.ends[row - 1]) if row else 0)) * self.room
        return self.rows[row][start : start + self.room]
