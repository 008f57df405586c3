"""Language modelling on pairs: the source is read, the target predicted token by token."""

import numpy as np
import numpy.typing as npt

from synthcli.data.examples.collate import IGNORED, Batch, ExamplesReport, join_ids, shift_targets
from synthcli.data.store.arrays import take_texts
from synthcli.data.store.ragged import Ids, Indices, Ragged
from synthcli.data.store.store import Store

Shares = npt.NDArray[np.float64]


class PairTextExamples:
    """bos, source, eos, target, eos, of which the target and its eos are predicted.

    What is too long loses the beginning of its source, for what stands last in a dialogue is replied to. A
    target that leaves no room for one loses its end, and never its eos.
    """

    def __init__(self, store: Store, split: str, max_target: int) -> None:
        self.data, self.tokenizer = store.table(split), store.tokenizer
        self.sources, self.targets = (Ragged(self.data.column(name)) for name in ("source", "target"))
        whole = self.targets.lengths + 1
        self.predicted: Indices = np.minimum(whole, max(max_target - 1, 1))
        self.read: Indices = np.clip(self.sources.lengths, 0, np.maximum(max_target - 1 - self.predicted, 0))
        self.lengths: Indices = self.read + self.predicted + 1
        self._shown = self.predicted / whole
        self.report = ExamplesReport(
            rows=len(self.sources),
            examples=len(self.sources),
            tokens=int(self.lengths.sum()),
            truncated_sources=int((self.read < self.sources.lengths).sum()),
            truncated_targets=int((self.predicted < whole).sum()),
        )

    def stream(self, row: int) -> Ids:
        """Return what is read and predicted of a row."""
        source, read = self.sources[row], int(self.read[row])
        target = self.targets[row][: int(self.predicted[row]) - 1]
        begin, end = self.tokenizer.bos_id, self.tokenizer.eos_id
        return join_ids(begin, source[len(source) - read :], end, target, end)

    def collate(self, indices: Indices) -> Batch:
        batch = shift_targets([self.stream(int(i)) for i in indices], self.tokenizer.pad_id)
        targets = batch["targets"]
        assert targets is not None
        for row, read in zip(targets, self.read[indices], strict=True):
            row[: int(read) + 1] = IGNORED  # the source, and the eos after it
        return batch

    def texts(self, indices: Indices, column: str) -> list[str]:
        """Return the whole texts of rows, as the corpus has them."""
        return take_texts(self.data.column(column), indices)

    @property
    def words(self) -> Shares:
        """The words of every target and one for its end, as far as it is predicted."""
        return self._shown * [len(text.split()) + 1 for text in self._targets()]

    @property
    def bytes(self) -> Shares:
        """The bytes of every target and one for its end, likewise."""
        return self._shown * [len(text.encode()) + 1 for text in self._targets()]

    def _targets(self) -> list[str]:
        texts: list[str] = self.data.column("target_text").to_pylist()
        return texts
