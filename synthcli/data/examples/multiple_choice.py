"""Multiple choice: several texts or pairs, one of which is right."""

import numpy as np
import torch

from synthcli.data.examples.classified_text import ClassifiedText, second_starts
from synthcli.data.examples.collate import Batch, ExamplesReport
from synthcli.data.store.arrays import join_numbers
from synthcli.data.store.ragged import Ids, Indices, NestedRagged
from synthcli.data.store.shards import NO_SECOND
from synthcli.data.store.store import Store

NO_TEXT = np.zeros(0, np.int32)


class MultipleChoiceExamples:
    """Every choice's text with its special tokens.

    `lengths` are the tokens a row takes: choices times the longest.
    """

    def __init__(self, store: Store, split: str, max_source: int, has_types: bool = False) -> None:
        data, self.tokenizer = store.table(split), store.tokenizer
        self.rows, self.seconds = NestedRagged(data.column("choices")), second_starts(data)
        self.ends = np.cumsum(self.rows.counts)
        is_pair = self.seconds is not None
        self.frame = ClassifiedText.of(self.tokenizer, max_source, has_types and is_pair)
        self.labels = join_numbers(data.column("label"))
        self.lengths: Indices = self.rows.counts * self.frame.lengths(self.rows.longest, is_pair)
        shown = self.frame.lengths(self.rows.inner.lengths, is_pair)
        self.report = ExamplesReport(
            rows=len(self.rows),
            examples=len(self.rows),
            tokens=int(shown.sum()),
            truncated_sources=self.frame.cut(self.rows.longest, is_pair),
        )

    def collate(self, indices: Indices) -> Batch:
        """Return tokens and padding (batch, choices, length), labels, and which choices are absent.

        bos, and what ends a text, stand alone for each choice that a row lacks of the batch's most.
        """
        counts = self.rows.counts[indices]
        count = int(counts.max(initial=0))
        texts, seconds = list[Ids](), list[int]()
        for row in map(int, indices):
            lacking = count - int(self.rows.counts[row])
            texts += [*self.rows[row], *[NO_TEXT] * lacking]
            seconds += [*self._seconds(row), *[NO_SECOND] * lacking]
        batch = self.frame.collate(texts, seconds)
        absent = torch.from_numpy(np.arange(count) >= counts[:, None])
        nested = {
            name: None if part is None else part.view(len(indices), count, part.shape[1])
            for name, part in batch.items()
        }
        labels = torch.from_numpy(self.labels[indices].astype(np.int64))
        return {**nested, "labels": labels, "absent": absent if bool(absent.any()) else None}

    def _seconds(self, row: int) -> list[int]:
        """Return where the second text of each of a row's choices begins."""
        end, count = int(self.ends[row]), int(self.rows.counts[row])
        if self.seconds is None:
            return [NO_SECOND] * count
        numbers: list[int] = self.seconds[end - count : end].tolist()
        return numbers
