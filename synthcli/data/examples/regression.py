"""Regression: a text or a pair of texts, and its score."""

import numpy as np
import torch

from synthcli.data.examples.classification import ClassifiedRows
from synthcli.data.examples.collate import Batch
from synthcli.data.store.arrays import join_numbers
from synthcli.data.store.ragged import Indices
from synthcli.data.store.store import Store


class RegressionExamples(ClassifiedRows):
    """The texts as in classification; the labels are float32, in the corpus's own unit."""

    def __init__(self, store: Store, split: str, max_source: int, has_types: bool = False) -> None:
        super().__init__(store, split, max_source, has_types)
        self.scores = join_numbers(self.data.column("score"))

    def collate(self, indices: Indices) -> Batch:
        labels = torch.from_numpy(self.scores[indices].astype(np.float32))
        return {**self.collate_texts(indices), "labels": labels}
