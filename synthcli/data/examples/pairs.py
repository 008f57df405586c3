"""Sequence to sequence: a source to read, a target to write."""

import numpy as np

from synthcli.data.examples.collate import Batch, ExamplesReport, join_ids, pad_rows, shift_targets
from synthcli.data.store.arrays import take_texts
from synthcli.data.store.ragged import Ids, Indices, Ragged
from synthcli.data.store.store import Store


class PairExamples:
    """Source and eos; bos, target and eos. What is too long loses its end, and never its eos."""

    def __init__(self, store: Store, split: str, max_source: int, max_target: int) -> None:
        self.data, self.tokenizer = store.table(split), store.tokenizer
        self.sources, self.targets = (Ragged(self.data.column(name)) for name in ("source", "target"))
        self.max_source, self.max_target = max_source, max_target
        sources = np.minimum(self.sources.lengths + 1, max_source)
        targets = np.minimum(self.targets.lengths + 1, max_target)
        self.lengths: Indices = np.maximum(sources, targets)
        self.report = ExamplesReport(
            rows=len(self.sources),
            examples=len(self.sources),
            tokens=int(sources.sum() + targets.sum()),
            truncated_sources=int((self.sources.lengths >= max_source).sum()),
            truncated_targets=int((self.targets.lengths >= max_target).sum()),
        )

    def source(self, row: int) -> Ids:
        return join_ids(self.sources[row][: self.max_source - 1], self.tokenizer.eos_id)

    def target(self, row: int) -> Ids:
        """Return bos, the target and eos: one id more than the decoder is given."""
        ids = self.targets[row][: self.max_target - 1]
        return join_ids(self.tokenizer.bos_id, ids, self.tokenizer.eos_id)

    def collate(self, indices: Indices) -> Batch:
        source, source_padding = pad_rows([self.source(int(i)) for i in indices], self.tokenizer.pad_id)
        targets = shift_targets([self.target(int(i)) for i in indices], self.tokenizer.pad_id)
        return {"source": source, "source_padding": source_padding, **targets}

    def texts(self, indices: Indices, column: str) -> list[str]:
        """Return the whole texts of rows, as the corpus has them."""
        return take_texts(self.data.column(column), indices)
