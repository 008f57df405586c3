"""Language modelling: rows one by one, or packed into one sequence.

Words and bytes of a row belong to the example that predicts the row's end, so that their sums over all
examples are those of the split.
"""

from typing import Any

import numpy as np

from synthcli.data.collate import Batch, Report, framed, next_tokens, padded
from synthcli.data.ragged import Ids, Indices, Ragged
from synthcli.data.store import Store
from synthcli.data.tokenizers import Tokenizer


class RowExamples:
    """bos, the row, eos; a row longer than the model is cut into consecutive pieces, nothing dropped."""

    def __init__(self, store: Store, split: str, max_target: int) -> None:
        data = store.split(split).data
        self.rows, self.max_target = Ragged(data.column("tokens")), max_target
        self.tokenizer = store.tokenizer
        targets = self.rows.lengths + 1  # eos is one, bos is none
        pieces = -(-targets // max_target)
        self.ends = np.cumsum(pieces)  # the example after the last of each row
        last = self.ends - 1
        self.lengths: Indices = np.full(int(self.ends[-1]), max_target, dtype=np.int64)
        self.lengths[last] = targets - (pieces - 1) * max_target
        self.words = sums(data.column("words"), last, len(self.lengths))
        self.bytes = sums(data.column("bytes"), last, len(self.lengths))
        counts = {"rows": len(self.rows), "examples": len(self.lengths), "tokens": int(targets.sum())}
        self.report = Report(**counts, cut=int((pieces > 1).sum()))

    def stream(self, example: int) -> Ids:
        """Return what an example is given, and one id more: its last target."""
        row = int(np.searchsorted(self.ends, example, side="right"))
        piece = example - (int(self.ends[row - 1]) if row else 0)
        whole = framed(self.tokenizer.bos_id, self.rows[row], self.tokenizer.eos_id)
        return whole[piece * self.max_target : (piece + 1) * self.max_target + 1]

    def collate(self, indices: Indices) -> Batch:
        return next_tokens([self.stream(int(i)) for i in indices], self.tokenizer.pad_id)


class Joined:
    """A split as one sequence of ids: bos, and then every row with its eos. Nothing is held in memory."""

    def __init__(self, data: Any, tokenizer: Tokenizer) -> None:
        self.rows, self.tokenizer = Ragged(data.column("tokens")), tokenizer
        self.ends = np.cumsum(self.rows.lengths + 1)  # where the eos of each row stands; bos stands at 0
        self.targets = int(self.ends[-1])  # all but bos

    def row_at(self, position: int) -> int:
        """Return the row to which a position belongs; an eos begins the row after it."""
        return int(np.searchsorted(self.ends, position, side="right"))

    def between(self, start: int, last: int) -> Ids:
        """Return the ids from one position to another, both included."""
        first = self.row_at(start)
        offset = int(self.ends[first - 1]) if first else 0
        parts: list[Ids | int] = []
        for row in range(first, self.row_at(last) + 1):
            parts.append(self.tokenizer.eos_id if row else self.tokenizer.bos_id)
            if row < len(self.rows):
                parts.append(self.rows[row])
        return framed(*parts)[start - offset : last - offset + 1]


class PackedExamples:
    """One sequence cut into windows: each token is predicted exactly once."""

    def __init__(self, store: Store, split: str, max_target: int) -> None:
        data = store.split(split).data
        self.tokenizer, self.max_target = store.tokenizer, max_target
        self.joined = Joined(data, self.tokenizer)
        targets = self.joined.targets
        windows = -(-targets // max_target)
        self.lengths: Indices = np.full(windows, max_target, dtype=np.int64)
        self.lengths[-1] = targets - (windows - 1) * max_target
        predicted = (self.joined.ends - 1) // max_target
        self.words = sums(data.column("words"), predicted, windows)
        self.bytes = sums(data.column("bytes"), predicted, windows)
        self.report = Report(rows=len(self.joined.rows), examples=windows, tokens=targets)

    def span(self, window: int) -> tuple[int, int]:
        """Return the first position of a window in the sequence and its last target's."""
        start = window * self.max_target
        return start, start + int(self.lengths[window])

    def stream(self, window: int) -> Ids:
        """Return what a window is given, and one id more: its last target."""
        return self.joined.between(*self.span(window))

    def collate(self, indices: Indices) -> Batch:
        return next_tokens([self.stream(int(i)) for i in indices], self.tokenizer.pad_id)


class PackedDocumentExamples(PackedExamples):
    """Packed, with the row of every position, numbered from 0 within its window."""

    def collate(self, indices: Indices) -> Batch:
        numbers = []
        for window in indices:
            start, last = self.span(int(window))
            rows = np.searchsorted(self.joined.ends, np.arange(start, last), side="right")
            numbers.append((rows - rows[0]).astype(np.int32))
        documents, _ = padded(numbers, fill=0)
        return {**super().collate(indices), "documents": documents}


def sums(column: Any, examples: Indices, count: int) -> Indices:
    """Add the values of a column up by the example each row belongs to."""
    return np.bincount(examples, weights=column.to_numpy(), minlength=count).astype(np.int64)
