"""The examples of a store for a task: what a model is shown, one index each."""

from collections.abc import Callable
from typing import Protocol

from synthcli.data.config import DenoisingConfig, MaskingConfig
from synthcli.data.corpora import CORPORA
from synthcli.data.examples.class_matching import ModelClasses
from synthcli.data.examples.classification import ClassificationExamples
from synthcli.data.examples.collate import IGNORED, Batch, ExamplesReport
from synthcli.data.examples.denoising import DenoisingExamples
from synthcli.data.examples.known_tokens import count_unknown, refuse_unknown_texts
from synthcli.data.examples.masking import MaskedExamples, PackedMaskedExamples
from synthcli.data.examples.multiple_choice import MultipleChoiceExamples
from synthcli.data.examples.pair_text import PairTextExamples
from synthcli.data.examples.pairs import PairExamples
from synthcli.data.examples.regression import RegressionExamples
from synthcli.data.examples.streams import StreamExamples
from synthcli.data.examples.windows import (
    OverlappingExamples,
    PackedDocumentExamples,
    PackedExamples,
    RowExamples,
    Shares,
)
from synthcli.data.store.ragged import Indices
from synthcli.data.store.store import Store
from synthcli.errors import SynthError, did_you_mean

LONGEST_WORD = 32  # mean bytes: words of no script that white space parts are longer, sentences are

KINDS: dict[str, tuple[str, ...]] = {
    "causal-lm": ("text", "pairs"),
    "masked-lm": ("text",),
    "seq2seq": ("pairs",),  # or text, denoising
    "classification": ("labelled", "scored", "choices"),
}


class ExampleForm(Protocol):
    """The rows of a store as a task reads them."""

    lengths: Indices
    report: ExamplesReport

    def collate(self, indices: Indices) -> Batch: ...


CLASSIFIED: dict[str, Callable[[Store, str, int, bool], ExampleForm]] = {
    "labelled": ClassificationExamples,
    "scored": RegressionExamples,
    "choices": MultipleChoiceExamples,
}
LAYOUTS: dict[str, Callable[[Store, str, int], ExampleForm]] = {
    "rows": RowExamples,
    "packed": PackedExamples,
    "packed-documents": PackedDocumentExamples,
}
MASKED: dict[str, Callable[[Store, str, int, MaskingConfig], ExampleForm]] = {
    "rows": MaskedExamples,
    "packed": PackedMaskedExamples,
}
DRAWN = (MaskedExamples, PackedMaskedExamples, DenoisingExamples)  # what they show is drawn by chance
WITH_TEXTS = (PairExamples, PairTextExamples)
COUNTED = (PairTextExamples, StreamExamples, RowExamples, PackedExamples, OverlappingExamples)  # words, bytes
LAYOUTS_OF = {"causal-lm": (*LAYOUTS, "streams"), "masked-lm": tuple(MASKED)}  # other tasks: rows


class Examples:
    """Examples by index; `lengths` are tokens per example, the longer side of a pair.

    With `classes` labels are the numbers that a model gives them, matched by name. With `has_types` the
    second of two texts that are classified is of type 1.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        task: str,
        max_source: int | None = None,
        max_target: int | None = None,
        layout: str = "rows",
        streams: int | None = None,
        masking: MaskingConfig | None = None,
        denoising: DenoisingConfig | None = None,
        context: int = 0,
        classes: ModelClasses | None = None,
        has_types: bool = False,
    ) -> None:
        _check_request(store, task, layout, streams, masking, denoising)
        refuse_unknown_texts(store, split)
        self.store, self.split, self.task = store, split, task
        if task == "causal-lm":
            length = _require_length("max_target", max_target, task)
            self._form: ExampleForm = _build_causal(store, split, length, layout, streams, context)
        elif task == "masked-lm":
            length = _require_length("max_source", max_source, task)
            self._form = MASKED[layout](store, split, length, masking or MaskingConfig())
        elif task == "seq2seq":
            source = _require_length("max_source", max_source, task)
            target = _require_length("max_target", max_target, task)
            self._form = _build_seq2seq(store, split, source, target, denoising)
        else:
            length = _require_length("max_source", max_source, task)
            self._form = CLASSIFIED[store.kind](store, split, length, has_types)
        self.note: str | None = None  # on how the corpus's classes were matched with the model's
        if classes is not None and isinstance(self._form, ClassificationExamples):
            places = classes.match_classes(store.corpus, store.class_names)
            self._form.labels = places[self._form.labels]
            self.note = classes.describe_match(store.class_names, places)

    def __len__(self) -> int:
        return len(self._form.lengths)

    @property
    def lengths(self) -> Indices:
        return self._form.lengths

    @property
    def is_stream(self) -> bool:
        """Whether segment follows segment: batches of `streams` examples are to be taken in order."""
        return isinstance(self._form, StreamExamples)

    @property
    def streams(self) -> int:
        """How many streams stand side by side (streams)."""
        assert isinstance(self._form, StreamExamples)
        return self._form.streams

    @property
    def segments(self) -> int:
        """How many segments a stream has (streams)."""
        assert isinstance(self._form, StreamExamples)
        return self._form.segments

    @property
    def report(self) -> ExamplesReport:
        """What became of the rows: how many are truncated or cut into chunks."""
        return self._form.report

    def collate(self, indices: Indices, seed: int = 0, epochs: Indices | int = 0) -> Batch:
        """Return a batch; a padding is None where nothing is padded.

        What is drawn, such as which tokens are masked, is a function of the seed, the example and its epoch:
        one epoch for all, or one an example. Where nothing is drawn they change nothing.

        causal-lm: tokens, targets, padding, and documents for the layout `packed-documents`, no padding for
        `streams`; masked-lm: tokens, targets, padding;
        seq2seq: source, source_padding, tokens, targets, padding; classification: tokens, padding, labels,
        which are float32 for scores, and token_types of pairs where they are wanted; with choices these are
        (batch, choices, length), and absent (batch, choices) marks what a row lacks of the batch's most
        choices, None where nothing is.
        """
        if isinstance(self._form, DRAWN):
            return self._form.collate(indices, seed, epochs)
        return self._form.collate(indices)

    @property
    def has_texts(self) -> bool:
        """Whether there are whole texts to write and to compare with (pairs)."""
        return isinstance(self._form, WITH_TEXTS)

    def texts(self, indices: Indices) -> list[str]:
        """Return the reference texts of pairs, whole."""
        assert isinstance(self._form, WITH_TEXTS)
        return self._form.texts(indices, "target_text")

    def sources(self, indices: Indices) -> list[str]:
        """Return the source texts of pairs, whole."""
        assert isinstance(self._form, WITH_TEXTS)
        return self._form.texts(indices, "source_text")

    def words(self, indices: Indices) -> Shares:
        """Return the words of examples, line ends included; chunks of a row share its (language models)."""
        assert isinstance(self._form, COUNTED)
        return self._form.words[indices]

    def bytes(self, indices: Indices) -> Shares:
        """Return the bytes of examples, likewise."""
        assert isinstance(self._form, COUNTED)
        return self._form.bytes[indices]

    def lacks_words(self) -> str | None:
        """Say why a split has no words to count, if it has none (language models)."""
        corpus = CORPORA.get(self.store.corpus)
        if corpus is not None and not corpus.has_words:
            return f"`{corpus.name}` is of bytes"
        form = self._form
        assert isinstance(form, COUNTED)
        size, words = (float(counts.sum()) - self.report.rows for counts in (form.bytes, form.words))
        mean = size / max(words, 1.0)  # the ends of rows are no words
        if mean <= LONGEST_WORD:
            return None
        return f"{mean:,.0f} bytes on average stand between white space, and are no words"

    def count_unknown(self) -> tuple[int, int]:
        """Return how many tokens of the split the tokenizer does not know, and of how many."""
        return count_unknown(self.store, self.split)

    @property
    def counts(self) -> dict[str, int]:
        """What the manifest counted in the split: rows, tokens, words, bytes, empty."""
        return self.store.counts(self.split)


def _build_causal(
    store: Store, split: str, length: int, layout: str, streams: int | None, context: int
) -> ExampleForm:
    """Return the examples of a causal language model."""
    if store.kind == "pairs":
        return PairTextExamples(store, split, length)
    if streams is not None:
        return StreamExamples(store, split, length, streams)
    if context:
        return OverlappingExamples(store, split, length, context)
    return LAYOUTS[layout](store, split, length)


def _build_seq2seq(
    store: Store, split: str, source: int, target: int, denoising: DenoisingConfig | None
) -> DenoisingExamples | PairExamples:
    """Return the examples of an encoder-decoder: pairs, or text that is corrupted."""
    if denoising is not None:
        return DenoisingExamples(store, split, source, target, denoising)
    return PairExamples(store, split, source, target)


def _check_request(
    store: Store,
    task: str,
    layout: str,
    streams: int | None,
    masking: MaskingConfig | None,
    denoising: DenoisingConfig | None,
) -> None:
    """Refuse a task that the rows of a store cannot serve, and what does not belong to the task."""
    if task not in KINDS:
        raise SynthError(f"unknown task `{task}`", did_you_mean(task, KINDS))
    check_rows(store.corpus, store.kind, task, denoising)
    if layout not in LAYOUTS_OF["causal-lm"]:
        raise SynthError(f"unknown layout `{layout}`", did_you_mean(layout, LAYOUTS_OF["causal-lm"]))
    if layout != "rows" and layout not in LAYOUTS_OF.get(task, ()):
        fitting = " and ".join(f"`{name}`" for name, layouts in LAYOUTS_OF.items() if layout in layouts)
        raise SynthError(f"`data.layout = {layout}` is for {fitting}, not `{task}`", "leave it out")
    if layout != "rows" and store.kind == "pairs":
        message = f"`data.layout = {layout}` is of running text, and `{store.corpus}` holds pairs"
        raise SynthError(message, '`--set data.layout="rows"` reads them one by one')
    if masking is not None and task != "masked-lm":
        raise SynthError(f"`data.masking` is for `masked-lm`, not `{task}`", "leave it out")
    if (layout == "streams") != (streams is not None and streams > 0):
        message = f"the layout `{layout}` and {streams} streams do not go together"
        raise SynthError(message, "`streams` needs a number of streams, and no other layout has any")


def check_rows(corpus: str, kind: str, task: str, denoising: DenoisingConfig | None) -> None:
    """Refuse rows of another kind than the task's; denoising makes pairs of text."""
    accepted = ("text",) if denoising is not None else KINDS[task]
    if denoising is not None and task != "seq2seq":
        raise SynthError(f"`data.denoising` is for `seq2seq`, not `{task}`", "leave it out")
    if kind in accepted:
        return
    fitting = ", ".join(f"`{name}`" for name, kinds in KINDS.items() if kind in kinds)
    hint = f"it serves {fitting}; `synth corpora` lists the others"
    if denoising is not None:
        raise SynthError(f"`{corpus}` holds {kind}, and `data.denoising` needs text", hint)
    if (task, kind) == ("seq2seq", "text"):
        hint += "; with `[data.denoising]` it serves `seq2seq`"
    raise SynthError(f"`{corpus}` holds {kind}, and `{task}` needs {' or '.join(KINDS[task])}", hint)


def _require_length(name: str, value: int | None, task: str) -> int:
    """Return a length that a task cannot do without; two ids is the least that says anything."""
    if value is None or value < 2:
        raise SynthError(f"`{task}` needs a `{name}` of at least 2, received {value}", "raise `max_length`")
    return value


__all__ = ["IGNORED", "Batch", "Examples", "ExamplesReport"]
