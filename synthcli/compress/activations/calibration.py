"""Text to compress on: the tokens of a split, nothing hidden, framed as the teacher was trained."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from synthcli.compress.teacher import Teacher
from synthcli.data.examples.classified_text import ClassifiedText, second_starts
from synthcli.data.examples.collate import Batch, join_ids, pad_rows
from synthcli.data.examples.windows import Chunks, Joined
from synthcli.data.store.ragged import Ids, Indices, Ragged
from synthcli.data.store.store import Store
from synthcli.errors import SynthError, did_you_mean
from synthcli.model import ModelConfig

LAYOUTS = ("rows", "packed")
KINDS = ("text", "labelled", "scored")  # stores with a column of tokens
LONGEST = 128  # tokens of a sequence where nothing is said
SPREAD = "even"  # how a limit chooses, part of the hash
Text = Callable[[int], Ids]


class Sequences(NamedTuple):
    """Texts by number, their lengths, and the segment of every token where some are not the first."""

    text: Text
    lengths: Indices
    types: Text | None = None


class Calibration:
    """Sequences by number; `limit` takes so many at even distances, since neighbours are of one article.

    With `rows` each is a row with the marks of the task's training examples, long ones cut into chunks, empty
    ones left out; of pairs the longer text is cut, and the second is of type 1 where the teacher has types.
    With `packed` rows with their ends follow each other in windows of `max_length`.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        teacher: Teacher,
        layout: str = "rows",
        max_length: int | None = None,
        limit: int | None = None,
    ) -> None:
        refuse_other_tokens(store, teacher, layout)
        self.store, self.split, self.layout, self.limit = store, split, layout, limit
        self.max_length = max_length_for(teacher.config, max_length)
        self.bos, self.eos, self.pad = teacher.marks
        self.tokenizer_hash = teacher.tokenizer.hash
        self.has_types = teacher.config.task != "causal-lm" and teacher.config.embeddings.token_types > 1
        self._text, lengths, self._types = LAYOUT_OF[layout](self, teacher.config.task)
        self._numbers: Indices = spread(np.flatnonzero(lengths), limit)
        self.lengths: Indices = lengths[self._numbers]
        if len(self) == 0:
            raise SynthError(f"`{store.corpus}` has no text in `{split}`", "name another split or corpus")

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def name(self) -> str:
        return f"{self.store.corpus}, {self.split}"

    @property
    def hash(self) -> str:
        """One hash of what is read and how."""
        parts = (self.store.hash, self.split, self.layout, self.max_length, len(self), SPREAD)
        marks = (self.bos, self.eos, self.tokenizer_hash)
        return hashlib.sha256(repr((parts, marks)).encode()).hexdigest()

    def text(self, index: int) -> Ids:
        """Return the ids of a sequence."""
        return self._text(int(self._numbers[index]))

    def batch(self, indices: Indices) -> Batch:
        """Return tokens (batch, length) and padding, None where nothing is padded; token_types of pairs."""
        tokens, padding = pad_rows([self.text(int(i)) for i in indices], self.pad)
        if self._types is None:
            return {"tokens": tokens, "padding": padding}
        types = [self._types(int(self._numbers[i])) for i in indices]
        return {"tokens": tokens, "padding": padding, "token_types": pad_rows(types, 0)[0]}


def spread(numbers: Indices, limit: int | None) -> Indices:
    """Return so many of the numbers, at even distances, the first and the last among them."""
    if limit is None or limit >= len(numbers):
        return numbers
    places = np.linspace(0, len(numbers) - 1, limit).round().astype(np.int64)
    chosen: Indices = numbers[places]
    return chosen


def tokenise_rows(calibration: Calibration, task: str) -> Sequences:
    """Return the text of a row by number, and lengths, 0 where there is none to read."""
    data = calibration.store.split(calibration.split).data
    rows, seconds = Ragged(data.column("tokens")), second_starts(data)
    # an end is the last target of a decoder, never its input
    has_end = task == "masked-lm" or (task == "classification" and calibration.store.tokenizer.ends_texts)
    if seconds is not None:
        return _pairs(calibration, rows, seconds, has_end)
    chunks = Chunks(rows, calibration.max_length - (2 if has_end else 1))
    return Sequences(partial(_make_row, calibration, chunks, has_end), chunks.sizes + (2 if has_end else 1))


def _pairs(calibration: Calibration, rows: Ragged, seconds: Indices, has_end: bool) -> Sequences:
    """Return pairs by number, as a classifier reads them."""
    bos, eos, pad = calibration.bos, calibration.eos, calibration.pad
    frame = ClassifiedText(bos, eos, pad, has_end, calibration.max_length)

    def text(number: int) -> Ids:
        return frame.ids(rows[number], int(seconds[number]))

    def types(number: int) -> Ids:
        return frame.types(text(number), rows[number], int(seconds[number]))

    lengths = frame.lengths(rows.lengths, is_pair=True) * (rows.lengths > 0)
    return Sequences(text, lengths, types if calibration.has_types else None)


def _make_row(calibration: Calibration, chunks: Chunks, has_end: bool, number: int) -> Ids:
    end = (calibration.eos,) if has_end else ()
    return join_ids(calibration.bos, chunks[number], *end)


def windows_of(calibration: Calibration, task: str) -> Sequences:
    """Return the text of a window by number, and lengths; a last one of a mark alone is left out."""
    joined = Joined(calibration.store.split(calibration.split).data, calibration.store.tokenizer)
    size = calibration.max_length
    lengths = np.full(-(-joined.targets // size), size, dtype=np.int64)
    lengths[-1] = joined.targets - (len(lengths) - 1) * size
    lengths[-1] *= lengths[-1] > 1
    first = 1 if task == "masked-lm" else 0  # bos stands at 0; a decoder reads what comes before its targets
    return Sequences(partial(_window, calibration, joined, lengths, first), lengths)


def _window(calibration: Calibration, joined: Joined, lengths: Indices, first: int, number: int) -> Ids:
    start = number * calibration.max_length + first
    ids = joined.between(start, start + int(lengths[number]) - 1)
    own = joined.tokenizer
    ids[ids == own.bos_id] = calibration.bos
    ids[ids == own.eos_id] = calibration.eos
    return ids


LAYOUT_OF = {"rows": tokenise_rows, "packed": windows_of}


def max_length_for(config: ModelConfig, asked: int | None) -> int:
    """Return the longest sequence to be read."""
    longest = config.max_source_length or config.max_target_length or LONGEST
    if asked is None:
        return min(longest, LONGEST)
    if not 3 <= asked <= longest:
        raise SynthError(f"`--max-length {asked}` does not fit the teacher", f"allowed: 3 to {longest}")
    return asked


def refuse_other_tokens(store: Store, teacher: Teacher, layout: str) -> None:
    """Refuse text that the teacher cannot read."""
    if layout not in LAYOUTS:
        raise SynthError(f"unknown layout `{layout}`", did_you_mean(layout, LAYOUTS))
    if store.kind not in KINDS:
        raise SynthError(f"`{store.corpus}` holds {store.kind}, and a teacher reads text", "name another")
    if not teacher.reads_like(store.tokenizer.hash):
        message = f"the store `{store.path}` was made with another tokenizer than teacher `{teacher.name}`"
        raise SynthError(message, "prepare its corpus with the teacher's own tokenizer")
