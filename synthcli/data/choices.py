"""Multiple choice: several texts, one of which is right."""

import numpy as np
import torch

from synthcli.data.arrays import column_numbers
from synthcli.data.collate import Batch, ClassifiedText, Report, framed, padded
from synthcli.data.ragged import Ids, Indices, NestedRagged
from synthcli.data.store import Store


class ChoiceExamples:
    """Every choice's text in its marks; `lengths` are the tokens a row takes: choices times the longest."""

    def __init__(self, store: Store, split: str, max_source: int) -> None:
        data, self.tokenizer = store.table(split), store.tokenizer
        self.rows = NestedRagged(data.column("choices"))
        self.frame = ClassifiedText(self.tokenizer, max_source)
        self.labels = column_numbers(data.column("label"))
        self.lengths: Indices = self.rows.counts * self.frame.lengths(self.rows.longest)
        shown = self.frame.lengths(self.rows.inner.lengths)
        self.report = Report(
            rows=len(self.rows),
            examples=len(self.rows),
            tokens=int(shown.sum()),
            truncated_sources=self.frame.cut(self.rows.longest),
        )

    def choices(self, row: int, count: int) -> list[Ids]:
        """Return the choices of a row, and bos alone for each that it lacks of `count`."""
        texts = [self.frame.ids(ids) for ids in self.rows[row]]
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
