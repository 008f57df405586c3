"""Language modelling: rows one by one, or packed into one sequence.

Words and bytes of a row are shared by the examples that predict it, each by its number of targets: their sums
over all examples are those of the split, and those of any part are in proportion.
"""

import numpy as np
import numpy.typing as npt
import pyarrow

from synthcli.data.examples.collate import IGNORED, Batch, ExamplesReport, join_ids, pad_rows, shift_targets
from synthcli.data.store.arrays import join_numbers
from synthcli.data.store.ragged import Ids, Indices, Ragged
from synthcli.data.store.store import Store
from synthcli.data.tokenizers import Tokenizer

Shares = npt.NDArray[np.float64]


class RowExamples:
    """bos, the row, eos; a row longer than the model is cut into consecutive chunks, nothing dropped."""

    def __init__(self, store: Store, split: str, max_target: int) -> None:
        data = store.table(split)
        self.rows, self.max_target = Ragged(data.column("tokens")), max_target
        self.tokenizer = store.tokenizer
        targets = self.rows.lengths + 1  # eos is one, bos is none
        chunks = -(-targets // max_target)
        self.ends = np.cumsum(chunks)  # the example after the last of each row
        last = self.ends - 1
        self.lengths: Indices = np.full(int(self.ends[-1]), max_target, dtype=np.int64)
        self.lengths[last] = targets - (chunks - 1) * max_target
        ends = np.cumsum(self.lengths)
        self.words = shares(data.column("words"), np.cumsum(targets), ends - self.lengths, ends)
        self.bytes = shares(data.column("bytes"), np.cumsum(targets), ends - self.lengths, ends)
        counts = {"rows": len(self.rows), "examples": len(self.lengths), "tokens": int(targets.sum())}
        self.report = ExamplesReport(**counts, cut=int((chunks > 1).sum()))

    def stream(self, example: int) -> Ids:
        """Return what an example is given, and one id more: its last target."""
        row = int(np.searchsorted(self.ends, example, side="right"))
        chunk = example - (int(self.ends[row - 1]) if row else 0)
        whole = join_ids(self.tokenizer.bos_id, self.rows[row], self.tokenizer.eos_id)
        return whole[chunk * self.max_target : (chunk + 1) * self.max_target + 1]

    def collate(self, indices: Indices) -> Batch:
        return shift_targets([self.stream(int(i)) for i in indices], self.tokenizer.pad_id)


class Chunks:
    """Rows cut into chunks that fit, by number: nothing is dropped, and an empty row makes none.

    `sizes` are their tokens, `cut` is the number of rows of several.
    """

    def __init__(self, rows: Ragged, max_tokens: int) -> None:
        self.rows, self.max_tokens = rows, max_tokens
        numbers = -(-rows.lengths // max_tokens)
        self.ends = np.cumsum(numbers)  # the chunk after the last of each row
        self.sizes: Indices = np.full(int(self.ends[-1]), max_tokens, dtype=np.int64)
        is_shown = numbers > 0
        self.sizes[self.ends[is_shown] - 1] = (rows.lengths - (numbers - 1) * max_tokens)[is_shown]
        self.cut = int((numbers > 1).sum())

    def __getitem__(self, chunk: int) -> Ids:
        row = int(np.searchsorted(self.ends, chunk, side="right"))
        start = (chunk - (int(self.ends[row - 1]) if row else 0)) * self.max_tokens
        return self.rows[row][start : start + self.max_tokens]


class Joined:
    """A split as one sequence of ids: bos, and then every row with its eos. Nothing is held in memory."""

    def __init__(self, data: pyarrow.Table, tokenizer: Tokenizer) -> None:
        self.rows, self.tokenizer = Ragged(data.column("tokens")), tokenizer
        self.ends = np.cumsum(self.rows.lengths + 1)  # where the eos of each row stands; bos stands at 0
        self.targets = int(self.ends[-1])  # all but bos

    def row_at(self, position: int) -> int:
        """Return the row to which a position belongs; an eos begins the row after it."""
        return int(np.searchsorted(self.ends, position, side="right"))

    def between(self, start: int, last: int) -> Ids:
        """Return the ids from one position to another, both included."""
        parts: list[Ids | int] = []
        for row in range(self.row_at(start), self.row_at(last) + 1):
            before = int(self.ends[row - 1]) if row else 0  # where bos or the last row's eos stands
            if before >= start:
                parts.append(self.tokenizer.eos_id if row else self.tokenizer.bos_id)
            if row < len(self.rows):  # of a long row no more is read than is wanted
                parts.append(self.rows[row][max(start - before - 1, 0) : last - before])
        return join_ids(*parts)


class PackedExamples:
    """One sequence cut into windows: each token is predicted exactly once."""

    def __init__(self, store: Store, split: str, max_target: int) -> None:
        data = store.table(split)
        self.tokenizer, self.max_target = store.tokenizer, max_target
        self.joined = Joined(data, self.tokenizer)
        targets = self.joined.targets
        windows = -(-targets // max_target)
        self.lengths: Indices = np.full(windows, max_target, dtype=np.int64)
        self.lengths[-1] = targets - (windows - 1) * max_target
        ends = np.cumsum(self.lengths)
        self.words = shares(data.column("words"), self.joined.ends, ends - self.lengths, ends)
        self.bytes = shares(data.column("bytes"), self.joined.ends, ends - self.lengths, ends)
        self.report = ExamplesReport(rows=len(self.joined.rows), examples=windows, tokens=targets)

    def span(self, window: int) -> tuple[int, int]:
        """Return the first position of a window in the sequence and its last target's."""
        start = window * self.max_target
        return start, start + int(self.lengths[window])

    def stream(self, window: int) -> Ids:
        """Return what a window is given, and one id more: its last target."""
        return self.joined.between(*self.span(window))

    def collate(self, indices: Indices) -> Batch:
        return shift_targets([self.stream(int(i)) for i in indices], self.tokenizer.pad_id)


class OverlappingExamples:
    """One sequence in windows that overlap: a target is predicted from `context` tokens before it, or all.

    Each is predicted exactly once; the first window predicts all of its own, the others those that are new.
    """

    def __init__(self, store: Store, split: str, max_target: int, context: int) -> None:
        data = store.table(split)
        self.tokenizer, self.joined = store.tokenizer, Joined(data, store.tokenizer)
        targets = self.joined.targets
        # (windows,): the first target predicted, the one after the last, and the first shown
        self.starts: Indices = np.append(0, np.arange(max_target, targets, max_target - context))
        self.ends: Indices = np.append(self.starts[1:], targets)
        self.shown: Indices = np.maximum(self.starts - context, 0)
        self.lengths: Indices = self.ends - self.shown
        self.words = shares(data.column("words"), self.joined.ends, self.starts, self.ends)
        self.bytes = shares(data.column("bytes"), self.joined.ends, self.starts, self.ends)
        self.report = ExamplesReport(rows=len(self.joined.rows), examples=len(self.ends), tokens=targets)

    def collate(self, indices: Indices) -> Batch:
        """Return windows; targets that the window before has predicted are ignored."""
        spans = zip(self.shown[indices], self.ends[indices], strict=True)
        batch = shift_targets(
            [self.joined.between(int(first), int(end)) for first, end in spans], self.tokenizer.pad_id
        )
        targets = batch["targets"]
        assert targets is not None
        for row, known in zip(targets, (self.starts - self.shown)[indices], strict=True):
            row[:known] = IGNORED
        return batch


class PackedDocumentExamples(PackedExamples):
    """Packed, with the row of every position, numbered from 0 within its window."""

    def collate(self, indices: Indices) -> Batch:
        numbers = []
        for window in indices:
            start, last = self.span(int(window))
            rows = np.searchsorted(self.joined.ends, np.arange(start, last), side="right")
            numbers.append((rows - rows[0]).astype(np.int32))
        documents, _ = pad_rows(numbers, fill=0)
        return {**super().collate(indices), "documents": documents}


def shares(column: pyarrow.ChunkedArray, row_ends: Indices, starts: Indices, ends: Indices) -> Shares:
    """Return what each example has of a count by rows; targets are numbered through the split.

    `row_ends` is where each row ends, `starts` and `ends` where each example does.
    """
    known, total = np.append(0, row_ends), np.append(0, np.cumsum(join_numbers(column)))
    return np.interp(ends, known, total) - np.interp(starts, known, total)
