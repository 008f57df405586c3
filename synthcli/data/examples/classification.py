"""Classification: a text or a pair of texts, and its class."""

import numpy as np
import torch

from synthcli.data.examples.classified_text import ClassifiedText, second_starts
from synthcli.data.examples.collate import Batch, ExamplesReport
from synthcli.data.store.arrays import join_numbers
from synthcli.data.store.ragged import Indices, Ragged
from synthcli.data.store.shards import NO_SECOND
from synthcli.data.store.store import Store


class ClassifiedRows:
    """The texts of rows with their special tokens; with `types` the second of a pair is of type 1."""

    def __init__(self, store: Store, split: str, max_source: int, has_types: bool = False) -> None:
        self.data, self.tokenizer = store.table(split), store.tokenizer
        self.rows, self.seconds = Ragged(self.data.column("tokens")), second_starts(self.data)
        is_pair = self.seconds is not None
        self.frame = ClassifiedText.of(self.tokenizer, max_source, has_types and is_pair)
        self.lengths: Indices = self.frame.lengths(self.rows.lengths, is_pair)
        self.report = ExamplesReport(
            rows=len(self.rows),
            examples=len(self.rows),
            tokens=int(self.lengths.sum()),
            truncated_sources=self.frame.cut(self.rows.lengths, is_pair),
        )

    def collate_texts(self, indices: Indices) -> Batch:
        """Return tokens, padding, and token_types where pairs have them."""
        seconds = [NO_SECOND] * len(indices) if self.seconds is None else self.seconds[indices].tolist()
        return self.frame.collate([self.rows[int(i)] for i in indices], seconds)


class ClassificationExamples(ClassifiedRows):
    """The texts, and the number of their class."""

    def __init__(self, store: Store, split: str, max_source: int, has_types: bool = False) -> None:
        super().__init__(store, split, max_source, has_types)
        self.labels = join_numbers(self.data.column("label"))

    def collate(self, indices: Indices) -> Batch:
        labels = torch.from_numpy(self.labels[indices].astype(np.int64))
        return {**self.collate_texts(indices), "labels": labels}
