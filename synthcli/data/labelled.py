"""Classification: a text and its class."""

import numpy as np
import torch

from synthcli.data.arrays import column_numbers
from synthcli.data.collate import Batch, ClassifiedText, Report, padded
from synthcli.data.ragged import Ids, Indices, Ragged
from synthcli.data.store import Store


class LabelledExamples:
    """The text in its marks, and the number of its class."""

    def __init__(self, store: Store, split: str, max_source: int) -> None:
        data, self.tokenizer = store.table(split), store.tokenizer
        self.rows, self.frame = Ragged(data.column("tokens")), ClassifiedText(self.tokenizer, max_source)
        self.labels = column_numbers(data.column("label"))
        self.lengths: Indices = self.frame.lengths(self.rows.lengths)
        self.report = Report(
            rows=len(self.rows),
            examples=len(self.rows),
            tokens=int(self.lengths.sum()),
            truncated_sources=self.frame.cut(self.rows.lengths),
        )

    def text(self, row: int) -> Ids:
        return self.frame.ids(self.rows[row])

    def collate(self, indices: Indices) -> Batch:
        tokens, padding = padded([self.text(int(i)) for i in indices], self.tokenizer.pad_id)
        labels = torch.from_numpy(self.labels[indices].astype(np.int64))
        return {"tokens": tokens, "padding": padding, "labels": labels}
