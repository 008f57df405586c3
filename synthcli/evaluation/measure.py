"""From a model and examples to scores, by metric and task."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from synthcli.data.examples import Examples
from synthcli.data.tokenizers.base import Tokenizer
from synthcli.errors import SynthError
from synthcli.evaluation.accuracy import accuracy, exact_match
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.decoding import search_options, translate
from synthcli.evaluation.perplexity import perplexity
from synthcli.evaluation.rouge import rouge
from synthcli.evaluation.score import Score
from synthcli.objectives import IGNORED

Indices = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]  # (done, of)


@dataclass(frozen=True)
class Judged:
    """A model, what it is asked, and how; `chosen` are the examples in the order of the split."""

    model: Any
    tokenizer: Tokenizer
    examples: Examples
    config: EvaluationConfig
    chosen: Indices
    progress: Progress

    def batches(self) -> Iterator[Indices]:
        """Yield places in `chosen`, examples of like length together: the order changes no result."""
        order = np.argsort(self.examples.lengths[self.chosen], kind="stable")[::-1]
        for start in range(0, len(order), self.config.batch_size):
            yield order[start : start + self.config.batch_size]
            self.progress(min(start + self.config.batch_size, len(order)), len(order))

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device


def generated(judged: Judged) -> list[str]:
    """Return the text the model writes for each source."""
    model, tokenizer = judged.model, judged.tokenizer
    options = search_options(tokenizer, judged.config, model.config.max_target_length)
    texts = [""] * len(judged.chosen)
    for places in judged.batches():
        batch = judged.examples.collate(judged.chosen[places])
        source = batch["source"]
        assert source is not None
        for place, found in zip(
            places, translate(model, source, batch.get("source_padding"), options), strict=True
        ):
            texts[place] = tokenizer.decode(list(found.tokens))
    return texts


def _by_text(metric: Callable[[list[str], list[str]], list[Score]]) -> Callable[[Judged], list[Score]]:
    return lambda judged: metric(generated(judged), judged.examples.texts(judged.chosen))


@torch.inference_mode()
def _perplexity(judged: Judged) -> list[Score]:
    """Sum −log p of every target, each example by itself, so that batches do not matter."""
    nats = np.zeros(len(judged.chosen))
    tokens = np.zeros(len(judged.chosen))
    for places in judged.batches():
        batch = {
            k: None if t is None else t.to(judged.device)
            for k, t in judged.examples.collate(judged.chosen[places]).items()
        }
        targets = batch.pop("targets")
        assert targets is not None
        inputs = {name: t for name, t in batch.items() if t is not None}
        result = judged.model(**inputs)
        logits = result[0] if isinstance(result, tuple) else result
        loss = nn.functional.cross_entropy(
            logits.float().transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
        )
        nats[places] = loss.double().sum(dim=1).cpu().numpy()
        tokens[places] = (targets != IGNORED).sum(dim=1).cpu().numpy()
    counts = judged.examples.counts if len(judged.chosen) == len(judged.examples) else {}
    return perplexity(nats, tokens, counts.get("words"), counts.get("bytes"))


@torch.inference_mode()
def _class_accuracy(judged: Judged) -> list[Score]:
    predictions = np.zeros(len(judged.chosen), dtype=np.int64)
    labels = np.zeros(len(judged.chosen), dtype=np.int64)
    for places in judged.batches():
        batch = judged.examples.collate(judged.chosen[places])
        padding, tokens, truth = batch.get("padding"), batch["tokens"], batch["labels"]
        assert tokens is not None and truth is not None
        masked = None if padding is None else padding.to(judged.device)
        predictions[places] = judged.model(tokens.to(judged.device), padding=masked).argmax(-1).cpu().numpy()
        labels[places] = truth.numpy()
    return accuracy(predictions, labels)


METRICS: dict[str, dict[str, Callable[[Judged], list[Score]]]] = {
    "bleu": {"seq2seq": _by_text(bleu)},
    "rouge": {"seq2seq": _by_text(rouge)},
    "perplexity": {"causal-lm": _perplexity, "seq2seq": _perplexity},
    "accuracy": {"classification": _class_accuracy, "seq2seq": _by_text(exact_match)},
}


def measure(metric: str, judged: Judged) -> list[Score]:
    """Return the scores of one metric, the principal one first."""
    task = judged.model.config.task
    refuse_mismatch(metric, task)
    was_training = judged.model.training
    judged.model.eval()
    try:
        return METRICS[metric][task](judged)
    finally:
        judged.model.train(was_training)


def refuse_mismatch(metric: str, task: str) -> None:
    """Raise where a metric has no meaning for a task."""
    if task not in METRICS[metric]:
        fitting = ", ".join(f"`{name}`" for name, tasks in METRICS.items() if task in tasks)
        raise SynthError(f"`{metric}` does not fit a model of task `{task}`", f"metrics that fit: {fitting}")
