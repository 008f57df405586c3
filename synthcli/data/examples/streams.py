"""Language modelling with memory: a split as parallel streams, read segment after segment.

The split is one sequence: every row with its eos, which for lines of bytes stands for the newline. It is
predicted in `streams` contiguous parts of equal length, side by side; what a model keeps of segment n helps
it in segment n + 1 (Dai et al. 2019, section 3.2). Example `segment · streams + stream` is one segment of
one stream, so a batch of `streams` examples in order is a segment of all.
"""

import numpy as np

from synthcli.data.examples.collate import IGNORED, Batch, ExamplesReport, pad_rows
from synthcli.data.examples.windows import Joined, shares
from synthcli.data.store.ragged import Ids, Indices
from synthcli.data.store.store import Store
from synthcli.errors import SynthError


class StreamExamples:
    """Segments of `length` targets; the last streams end in padding where the split does not fill them."""

    is_stream = True

    def __init__(self, store: Store, split: str, length: int, streams: int) -> None:
        data = store.split(split).data
        self.joined, self.length, self.streams = Joined(data, store.tokenizer), length, streams
        targets = self.joined.targets
        if streams > targets:
            raise SynthError(
                f"`{split}` of `{store.corpus}` has {targets} tokens, too few for {streams} streams",
                "lower the number of streams: `data.batch.size`, or `evaluation.streams` while evaluating",
            )
        self.stream_length = -(-targets // streams)
        self.segments = -(-self.stream_length // length)
        places = np.arange(self.segments * streams)
        starts, ends = self.spans(places)
        self.lengths: Indices = ends - starts
        self.words = shares(data.column("words"), self.joined.ends, starts, ends)
        self.bytes = shares(data.column("bytes"), self.joined.ends, starts, ends)
        self.report = ExamplesReport(rows=len(self.joined.rows), examples=len(places), tokens=targets)

    def spans(self, examples: Indices) -> tuple[Indices, Indices]:
        """Return the first target of each example, counted from 0, and the one after its last."""
        segment, stream = np.divmod(examples, self.streams)
        starts = stream * self.stream_length + segment * self.length
        ends = np.minimum(starts + self.length, (stream + 1) * self.stream_length)
        targets = self.joined.targets
        return np.minimum(starts, targets), np.minimum(ends, targets)

    def width(self, example: int) -> int:
        """Return how many positions the segment of an example has, padding included."""
        return min(self.length, self.stream_length - example // self.streams * self.length)

    def collate(self, indices: Indices) -> Batch:
        """Return segments side by side; targets of what lies after the split's end are ignored."""
        given = [self.ids(start, end) for start, end in zip(*self.spans(indices), strict=True)]
        width = max(self.width(int(i)) for i in indices)
        rows = [*given, np.zeros(width + 1, dtype=np.int32)]  # the last only sets the width
        tokens, _ = pad_rows([ids[:-1] for ids in rows], self.joined.tokenizer.pad_id)
        targets, _ = pad_rows([ids[1:] for ids in rows], IGNORED)
        return {"tokens": tokens[:-1], "targets": targets[:-1]}

    def ids(self, start: int, end: int) -> Ids:
        """Return what precedes each target, and the last target."""
        return self.joined.between(int(start), int(end)) if end > start else np.zeros(0, dtype=np.int32)
