"""Classification: a text and its class."""

import numpy as np
import torch

from synthcli.data.arrays import column_numbers
from synthcli.data.collate import Batch, Report, framed, padded
from synthcli.data.ragged import Ids, Indices, Ragged
from synthcli.data.store import Store


class LabelledExamples:
    """bos and the text: no text is without a position, and a head that reads the first has one to itself."""

    def __init__(self, store: Store, split: str, max_source: int) -> None:
        data, self.tokenizer = store.table(split), store.tokenizer
        self.rows, self.max_source = Ragged(data.column("tokens")), max_source
        self.labels = column_numbers(data.column("label"))
        self.lengths: Indices = np.minimum(self.rows.lengths + 1, max_source)
        self.report = Report(
            rows=len(self.rows),
            examples=len(self.rows),
            tokens=int(self.lengths.sum()),
            truncated_sources=int((self.rows.lengths >= max_source).sum()),
        )

    def text(self, row: int) -> Ids:
        return framed(self.tokenizer.bos_id, self.rows[row][: self.max_source - 1])

    def collate(self, indices: Indices) -> Batch:
        tokens, padding = padded([self.text(int(i)) for i in indices], self.tokenizer.pad_id)
        labels = torch.from_numpy(self.labels[indices].astype(np.int64))
        return {"tokens": tokens, "padding": padding, "labels": labels}
