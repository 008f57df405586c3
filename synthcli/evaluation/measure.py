"""From a model and examples to scores, by metric and task."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from synthcli.data.examples.examples import Examples
from synthcli.data.tokenizers.base import Tokenizer
from synthcli.errors import SynthError, WorkFailedError, did_you_mean
from synthcli.evaluation.accuracy import accuracy
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.confusion import f1, matthews
from synthcli.evaluation.correlation import correlate_scores
from synthcli.evaluation.decoding import search_options, translate
from synthcli.evaluation.masked_tokens import accuracy_of_tokens, f1_of_tokens
from synthcli.evaluation.outputs import Outputs, score_metric
from synthcli.evaluation.perplexity import perplexity
from synthcli.evaluation.rouge import refuse_unread_letters
from synthcli.evaluation.score import Score
from synthcli.model import ModelConfig, Seq2Seq, State, TaskModel, select_state
from synthcli.model.interface import get_initial_state
from synthcli.objectives import IGNORED
from synthcli.progress import Progress

Indices = npt.NDArray[np.int64]
Figures = npt.NDArray[np.float64]
EVALUATING = "evaluating"  # what progress is called
OfTokens = Callable[[int, Indices, Indices, Indices], list[Score]]
ByClass = Callable[[Indices, Indices, int], list[Score]]

LOGITS = 2**26  # at a time where every target needs a row of them: 256 MiB in float32


@dataclass(frozen=True)
class EvaluationJob:
    """A model, what it is asked, and how; `chosen` are the examples in the order of the split.

    `keep` is given what a model wrote, and its scores.
    """

    model: TaskModel
    tokenizer: Tokenizer
    examples: Examples
    config: EvaluationConfig
    chosen: Indices
    progress: Progress
    keep: Callable[[Outputs, list[Score]], None] | None = None

    def batches(self, max_tokens: int | None = None) -> Iterator[Indices]:
        """Yield places in `chosen`, examples of like length together: the order changes no result.

        `max_tokens` bounds a batch too, its rows times the longest.
        """
        lengths = self.examples.lengths[self.chosen]
        order, start = np.argsort(lengths, kind="stable")[::-1], 0
        while start < len(order):
            size = self.config.batch_size
            if max_tokens is not None:
                size = min(size, max(1, max_tokens // int(lengths[order[start]])))
            yield order[start : start + size]
            start = min(start + size, len(order))
            self.progress(EVALUATING, start, len(order))

    def on_device(self, places: Indices) -> dict[str, Tensor]:
        """Return a batch where the model is, without the paddings that pad nothing."""
        device = next(self.model.parameters()).device
        batch = self.examples.collate(self.chosen[places], self.config.seed)
        return {name: tensor.to(device) for name, tensor in batch.items() if tensor is not None}


def generate_outputs(job: EvaluationJob) -> list[str]:
    """Return the text the model writes for each source."""
    model, tokenizer = job.model, job.tokenizer
    assert isinstance(model, Seq2Seq)  # whose metrics these are
    longest = model.config.max_target_length
    assert longest is not None  # a decoder has one
    options = search_options(tokenizer, job.config, longest)
    texts = [""] * len(job.chosen)
    for places in job.batches():
        batch = job.on_device(places)
        hypotheses = translate(model, batch["source"], batch.get("source_padding"), options)
        for place, found in zip(places, hypotheses, strict=True):
            texts[place] = tokenizer.decode(list(found.tokens))
    return texts


def _by_text(metric: str, job: EvaluationJob) -> list[Score]:
    examples, chosen = job.examples, job.chosen
    if not examples.has_texts:
        message = f"`{metric}` compares texts, and `data.denoising` asks for what it hid of them alone"
        raise SynthError(message, "`perplexity` is what fits it")
    references = examples.texts(chosen)
    if metric == "rouge":  # before anything is written
        refuse_unread_letters(references, job.config.rouge_tokenizer)
    sources = [None] * len(chosen) if job.keep is None else examples.sources(chosen)
    outputs = Outputs(sources, [(text,) for text in references], generate_outputs(job))
    scores = score_metric(metric, outputs, job.config)
    if job.keep is not None:
        job.keep(outputs, scores)
    return scores


def _measure_perplexity(job: EvaluationJob) -> list[Score]:
    """Sum −log p of every target, each example by itself, so that batches do not matter."""
    if job.examples.is_stream:
        return measure_streams(job)
    nats = np.zeros(len(job.chosen))
    tokens = np.zeros(len(job.chosen))
    for places in job.batches(LOGITS // job.model.config.vocab_size):
        batch = job.on_device(places)
        targets = batch.pop("targets")
        real = targets != IGNORED
        result = job.model(**batch, select=real)
        logits = result[0] if isinstance(result, tuple) else result
        nats[places], tokens[places] = by_row(_nats(logits, targets[real]), real)
    if job.model.config.task != "causal-lm":
        return perplexity(nats, tokens, None, None)
    return of_text(job, nats, tokens)


def measure_streams(job: EvaluationJob) -> list[Score]:
    """Sum −log p segment after segment, each after the state of the one before; nothing is left out."""
    model, streams, chosen = job.model, job.examples.streams, job.chosen
    nats, tokens = np.zeros(len(chosen)), np.zeros(len(chosen))
    state = get_initial_state(model)
    for first in range(0, len(chosen), streams):
        places = np.arange(first, min(first + streams, len(chosen)))
        batch = job.on_device(places)
        if len(places) < streams:  # a limit ends in the midst of a segment
            state = select_state(state, torch.arange(len(places), device=batch["tokens"].device))
        nats[places], tokens[places], state = of_segment(job, batch, state)
        job.progress(EVALUATING, first + len(places), len(chosen))
    return of_text(job, nats, tokens)


def of_text(job: EvaluationJob, nats: Figures, tokens: Figures) -> list[Score]:
    """Return the figures of a language model: by token, by word where there are words, and by byte."""
    examples, chosen = job.examples, job.chosen
    words = None if examples.lacks_words() else examples.words(chosen)
    return perplexity(nats, tokens, words, examples.bytes(chosen))


def of_segment(job: EvaluationJob, batch: dict[str, Tensor], state: State) -> tuple[Figures, Figures, State]:
    """Return nats and targets of every row of a segment, and the state after it.

    It is read in parts whose logits are no more than `LOGITS`: where a segment is cut changes nothing.
    """
    model, (rows, length) = job.model, batch["tokens"].shape
    window = job.config.window or model.config.max_target_length
    nats, tokens = np.zeros(rows), np.zeros(rows)
    width = max(1, LOGITS // (rows * model.config.vocab_size))
    for start in range(0, length, width):
        given, targets = (batch[key][:, start : start + width] for key in ("tokens", "targets"))
        real = targets != IGNORED
        logits, state = model(given, state=state, select=real, window=window)
        part_nats, part_tokens = by_row(_nats(logits, targets[real]), real)
        nats, tokens = nats + part_nats, tokens + part_tokens
    return nats, tokens, state


def _nats(logits: Tensor, targets: Tensor) -> Tensor:
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return _finite(nn.functional.cross_entropy(wide, targets, reduction="none")).double()


def by_row(loss: Tensor, real: Tensor) -> tuple[Figures, Figures]:
    """Return the summed losses and the number of targets of each row."""
    sums = loss.new_zeros(len(real)).index_add(0, real.nonzero()[:, 0], loss)
    return sums.cpu().numpy(), real.sum(dim=1).double().cpu().numpy()


def _of_masked(metric: OfTokens, job: EvaluationJob) -> list[Score]:
    """Measure by the first choice at every masked token, each with the row it stands in."""
    found: list[tuple[Indices, Indices, Indices]] = []
    for places in job.batches(LOGITS // job.model.config.vocab_size):
        batch = job.on_device(places)
        targets = batch.pop("targets")
        real = targets != IGNORED
        guesses = _finite(job.model(**batch, select=real)).argmax(-1)
        rows = places[real.nonzero()[:, 0].cpu().numpy()]
        found.append((rows, guesses.cpu().numpy(), targets[real].cpu().numpy()))
    return metric(len(job.chosen), *(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _measure_accuracy(job: EvaluationJob) -> list[Score]:
    if job.model.config.head.output == "regression":
        hint = "`correlation` is what fits it"
        raise SynthError("`accuracy` counts classes, and this model predicts scores", hint)
    return accuracy(*classes(job))


def _by_class(metric: ByClass, name: str, job: EvaluationJob) -> list[Score]:
    """Measure with a table of the model's classes; the number of a choice says nothing about its text."""
    config = job.model.config
    if config.num_classes is None:
        is_choice = config.head.output == "choice"
        does, fits = ("chooses among texts", "accuracy") if is_choice else ("predicts scores", "correlation")
        raise SynthError(f"`{name}` counts classes, and this model {does}", f"`{fits}` is what fits it")
    return metric(*classes(job), config.num_classes)


def classes(job: EvaluationJob) -> tuple[Indices, Indices]:
    """Return the most probable class, or choice, of each example, and the right one."""
    predictions = np.zeros(len(job.chosen), dtype=np.int64)
    labels = np.zeros(len(job.chosen), dtype=np.int64)
    for places in job.batches():
        batch = job.on_device(places)
        labels[places], absent = batch.pop("labels").cpu().numpy(), batch.pop("absent", None)
        logits = _finite(job.model(**batch))
        if absent is not None:
            logits = logits.masked_fill(absent, -torch.inf)
        predictions[places] = logits.argmax(-1).cpu().numpy()
    return predictions, labels


def _correlation(job: EvaluationJob) -> list[Score]:
    if job.model.config.head.output != "regression":
        hint = "`accuracy` is what fits it"
        raise SynthError("`correlation` compares scores, and this model predicts classes", hint)
    predictions, scores = np.zeros(len(job.chosen)), np.zeros(len(job.chosen))
    for places in job.batches():
        batch = job.on_device(places)
        scores[places] = batch.pop("labels").cpu().numpy()
        predictions[places] = _finite(job.model(**batch))[:, 0].float().cpu().numpy()
    return correlate_scores(predictions, scores)


def _finite(figures: Tensor) -> Tensor:
    """Return what a model computed; raises where it has diverged."""
    if not figures.isfinite().all():
        raise WorkFailedError("the model computes no finite numbers", "take an earlier checkpoint")
    return figures


METRICS: dict[str, dict[str, Callable[[EvaluationJob], list[Score]]]] = {
    "bleu": {"seq2seq": partial(_by_text, "bleu")},
    "rouge": {"seq2seq": partial(_by_text, "rouge")},
    "cider": {"seq2seq": partial(_by_text, "cider")},
    "perplexity": {
        "causal-lm": _measure_perplexity,
        "masked-lm": _measure_perplexity,
        "seq2seq": _measure_perplexity,
    },
    "accuracy": {
        "classification": _measure_accuracy,
        "masked-lm": partial(_of_masked, accuracy_of_tokens),
        "seq2seq": partial(_by_text, "accuracy"),
    },
    "f1": {
        "classification": partial(_by_class, f1, "f1"),
        "masked-lm": partial(_of_masked, f1_of_tokens),
    },
    "matthews": {"classification": partial(_by_class, matthews, "matthews")},
    "correlation": {"classification": _correlation},
}


UNKEPT = (("f1", "masked-lm"),)  # a count for every token: too wide to be kept, and compared in pairs


def is_compared(metric: str, task: str) -> bool:
    """Whether models of a task can be compared by a metric, sample by sample."""
    return task in METRICS[metric] and (metric, task) not in UNKEPT


def evaluate_metric(metric: str, job: EvaluationJob) -> list[Score]:
    """Return the scores of one metric, the principal one first."""
    task = job.model.config.task
    refuse_metric(metric, task)
    refuse_headless(job.model.config)
    was_training = job.model.training
    job.model.eval()
    try:
        with torch.inference_mode():
            return METRICS[metric][task](job)
    finally:
        job.model.train(was_training)


def refuse_metric(metric: str, task: str) -> None:
    """Raise where a metric has no meaning for a task."""
    if metric not in METRICS:
        raise SynthError(f"unknown metric `{metric}`", did_you_mean(metric, METRICS))
    if task not in METRICS[metric]:
        fitting = ", ".join(f"`{name}`" for name, tasks in METRICS.items() if task in tasks)
        raise SynthError(f"`{metric}` does not fit a model of task `{task}`", f"metrics that fit: {fitting}")


def refuse_headless(config: ModelConfig) -> None:
    """Raise for an encoder that came without a head, of which only hidden states mean something."""
    if not config.has_head:
        raise SynthError(
            "this encoder came without a head: it predicts no tokens",
            "`synth finetune` gives it one; `synth eval teacher-agreement` compares hidden states",
        )
