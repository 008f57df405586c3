"""Multiple choice: several texts, one of which is right."""

import numpy as np
import torch

from synthcli.data.arrays import column_numbers
from synthcli.data.collate import Batch, Report, framed, padded
from synthcli.data.ragged import Ids, Indices, NestedRagged
from synthcli.data.store import Store


class ChoiceExamples:
    """bos and the text of every choice; `lengths` are the tokens a row takes: choices times the longest."""

    def __init__(self, store: Store, split: str, max_source: int) -> None:
        data, self.tokenizer = store.table(split), store.tokenizer
        self.rows, self.max_source = NestedRagged(data.column("choices")), max_source
        self.labels = column_numbers(data.column("label"))
        self.lengths: Indices = self.rows.counts * np.minimum(self.rows.longest + 1, max_source)
        shown = np.minimum(self.rows.inner.lengths + 1, max_source)
        self.report = Report(
            rows=len(self.rows),
            examples=len(self.rows),
            tokens=int(shown.sum()),
            truncated_sources=int((self.rows.longest >= max_source).sum()),
        )

    def choices(self, row: int, count: int) -> list[Ids]:
        """Return the choices of a row, and bos alone for each that it lacks of `count`."""
        texts = [framed(self.tokenizer.bos_id, ids[: self.max_source - 1]) for ids in self.rows[row]]
        return texts + [framed(self.tokenizer.bos_id)] * (count - len(texts))

    def collate(self, indices: Indices) -> Batch:
        """Return tokens and padding (batch, choices, length), labels, and which choices are absent."""
        counts = self.rows.counts[indices]
        count = int(counts.max(initial=0))
        texts = [text for i in indices for text in self.choices(int(i), count)]
        tokens, padding = padded(texts, self.tokenizer.pad_id)
        shape = (len(indices), count, tokens.shape[1])
        absent = torch.from_numpy(np.arange(count) >= counts[:, None])
        return {
            "tokens": tokens.view(shape),
            "padding": None if padding is None else padding.view(shape),
            "labels": torch.from_numpy(self.labels[indices].astype(np.int64)),
            "absent": absent if bool(absent.any()) else None,
        }
