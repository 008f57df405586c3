"""Every metric of the registry, on every form of examples that it fits: batches change nothing.

Neither how many examples stand side by side, nor their order, nor where a bound on logits cuts a batch.
Classes, texts and numbers of targets are the same bits; sums of what a model computes in float64 are the same
up to the order in which a matrix product adds, which is that of its shape.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthcli.data.config import DenoisingConfig, MaskingConfig, TokenizerConfig
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.data.tokenizers.wordpiece import SPECIAL_TOKENS
from synthcli.evaluation import measure as measuring
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.measure import METRICS, EvaluationJob, evaluate_metric
from synthcli.model import ModelConfig, build
from synthcli.progress import no_progress

from ..data.small import BYTES, ag_news, multi30k, wikitext, write

LONGEST = 24
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LINES = [f"{LETTERS[n % 9]} {'b c d ' * (n % 7)}{LETTERS[n]}" for n in range(20)]
RECORD = (
    '{{"passage": {{"text": "{text}", "entities": [{spans}]}},'
    ' "qas": [{{"query": "@placeholder", "answers": [{{"text": "{answer}"}}]}}]}}'
)
Form = Callable[[dict[str, Store]], Examples]


def examples(store: str, task: str, **more: Any) -> Form:
    return lambda stores: Examples(stores[store], "train", task, LONGEST, LONGEST, **more)


FORMS: dict[str, dict[str, Form]] = {
    "causal-lm": {
        "rows": examples("bytes", "causal-lm"),
        "packed": examples("bytes", "causal-lm", layout="packed"),
        "packed-documents": examples("bytes", "causal-lm", layout="packed-documents"),
        "overlapping": examples("bytes", "causal-lm", layout="packed", context=7),
        "streams": examples("bytes", "causal-lm", layout="streams", streams=3),
    },
    "masked-lm": {
        "rows": examples("pieces", "masked-lm", masking=MaskingConfig(rate=0.3)),
        "packed": examples("pieces", "masked-lm", layout="packed"),
    },
    "seq2seq": {
        "pairs": examples("pairs", "seq2seq"),
        "denoising": examples("bytes", "seq2seq", denoising=DenoisingConfig(rate=0.3, mean_span=2.0)),
    },
    "classification": {
        "classes": examples("classes", "classification"),
        "regression": examples("scores", "classification"),
        "choice": examples("choices", "classification"),
    },
}
BY_TEXT = ("bleu", "rouge", "cider", "accuracy")  # what pairs alone have for a decoder's target


def fits(metric: str, task: str, form: str) -> bool:
    """Whether a metric has a meaning for a form of its task."""
    if task == "seq2seq":
        return form == "pairs" or metric not in BY_TEXT
    if task == "classification":
        fitting = {"accuracy": ("classes", "choice"), "correlation": ("regression",)}
        return form in fitting.get(metric, ("classes",))
    return True


CASES = [
    (metric, task, form)
    for metric, tasks in METRICS.items()
    for task in tasks
    for form in FORMS[task]
    if fits(metric, task, form)
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    folder = tmp_path_factory.mktemp("batches")
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *LETTERS]))
    pieces = TokenizerConfig(kind="wordpiece", vocab_size=31, files=str(folder))
    return {
        "bytes": prepare_store("wikitext-2", BYTES, folder / "a", wikitext(folder / "text", LINES)),
        "pieces": prepare_store("wikitext-2", pieces, folder / "b", folder / "text"),
        "pairs": prepare_store("multi30k", BYTES, folder / "c", multi30k(folder / "pairs")),
        "classes": prepare_store("ag-news", BYTES, folder / "d", ag_news(folder / "classes")),
        "scores": prepare_store("glue-stsb", BYTES, folder / "e", scores(folder / "scores")),
        "choices": prepare_store("superglue-record", BYTES, folder / "f", choices(folder / "choices")),
    }


def scores(folder: Path) -> Path:
    lines = [f"{'ab' * (n % 5)}{n}\tb\t{n % 7 * 0.7:.3f}" for n in range(20)]
    for name in ("train.tsv", "dev.tsv"):
        write(folder / name, ["sentence1\tsentence2\tscore", *lines])
    return folder


def choices(folder: Path) -> Path:
    """Rows of one to four choices."""
    rows = [LETTERS[n : n + 1 + n % 4] for n in range(14)]
    records = []
    for row in rows:
        spans = ", ".join(f'{{"start": {i}, "end": {i}}}' for i in range(len(row)))
        records.append(RECORD.format(text=row, spans=spans, answer=row[-1]))
    for name in ("train.jsonl", "val.jsonl"):
        write(folder / name, records)
    return folder


def model_for(task: str, form: str) -> torch.nn.Module:
    """A model in float64 whose weights are so large that texts differ."""
    stacks = {"causal-lm": ["decoder"], "seq2seq": ["encoder", "decoder"]}.get(task, ["encoder"])
    table: dict[str, Any] = {
        "task": task,
        "vocab_size": {"masked-lm": 31, "seq2seq": 400 if form == "denoising" else 260}.get(task, 260),
        "d_model": 16,
        "d_ff": 32,
        "mixer": {"heads": 2},
        **{stack: {"layers": 1, "max_length": LONGEST} for stack in stacks},
    }
    if form == "streams":
        table |= {"block": "recurrent", "d_ff": None, "embeddings": {"positions": "none"}}
        table["mixer"] = {"kind": "srupp", "projection": 8, "heads": 2}
    if task == "classification":
        table |= {"head": {"output": form}, "num_classes": 4 if form == "classes" else None}
    torch.manual_seed(4)
    model = build(ModelConfig.model_validate(table)).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model


def statistics(metric: str, model: Any, of: Examples, chosen: np.ndarray, **more: int) -> list[np.ndarray]:
    """Return what each score sums, a row a sample, in the order of the split; nothing is drawn from torch."""
    settings = {"metrics": ["accuracy"], "beam": 2, "max_length": 8, "seed": 3, **more}
    config = EvaluationConfig.model_validate(settings)
    state = torch.get_rng_state()
    found = evaluate_metric(metric, EvaluationJob(model, of.store.tokenizer, of, config, chosen, no_progress))
    assert torch.equal(torch.get_rng_state(), state)
    tables = [score.sampled.statistics for score in found]
    dense = [table if isinstance(table, np.ndarray) else table.toarray() for table in tables]
    return [table[np.argsort(chosen)] for table in dense]


def test_every_metric_and_task_has_a_case() -> None:
    assert {(metric, task) for metric, task, _ in CASES} == {
        (m, t) for m, tasks in METRICS.items() for t in tasks
    }
    assert {(task, form) for _, task, form in CASES} == {(t, f) for t, forms in FORMS.items() for f in forms}


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "task", "form"), CASES)
def test_batches_change_nothing(
    stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch, metric: str, task: str, form: str
) -> None:
    of, model = FORMS[task][form](stores), model_for(task, form)
    in_order = np.arange(len(of))
    want = statistics(metric, model, of, in_order)
    orders = [in_order] if of.is_stream else [in_order[::-1], np.random.default_rng(1).permutation(len(of))]
    for size, bound, chosen in ((1, 2**26, in_order), (3, 2**26, orders[0]), (64, 100 * 31, orders[-1])):
        monkeypatch.setattr(measuring, "LOGITS", bound)
        found = statistics(metric, model, of, chosen, batch_size=size)
        for one, other in zip(found, want, strict=True):
            if metric in ("perplexity", "correlation"):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
            else:
                np.testing.assert_array_equal(one, other)
        if metric == "perplexity":  # targets, words and bytes are counted, and their number is exact
            np.testing.assert_array_equal(found[0][:, 1], want[0][:, 1])
    if metric not in BY_TEXT or task != "seq2seq":  # what is made of noise is all alike to them
        assert len({tuple(row) for row in want[0].tolist()}) > 1  # rows differ: a mistaken order would show


@pytest.mark.parametrize("form", ["rows", "packed"])
def test_seeds_hide_other_tokens(stores: dict[str, Store], form: str) -> None:
    of, model = FORMS["masked-lm"][form](stores), model_for("masked-lm", form)
    (three,), (four,) = (statistics("perplexity", model, of, np.arange(len(of)), seed=s) for s in (3, 4))
    assert (three[:, 0] != four[:, 0]).mean() > 0.5
