"""`--benchmark`: which results of a run are those of a benchmark of the hub.

Leaderboards know a benchmark by the id of its dataset and the id of a task in the dataset's `eval.yaml`. No
result of ours says either, so that a user does; a result on what is another dataset of the hub is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import huggingface_hub

from synthcli.data.corpora import OWN
from synthcli.errors import SynthError
from synthcli.exporters.export_bundle import BenchmarkResult, ExportBundle, Metric

FORM = re.compile(r"(?P<figure>\w+)=(?P<dataset>\w[\w.-]*/[\w.-]+):(?P<task>[\w./-]+)", re.ASCII)


def add_benchmarks(bundle: ExportBundle, words: Sequence[str], to: str) -> ExportBundle:
    """Return what leaves with the results of each `FIGURE=OWNER/DATASET:TASK`; raise where there is none."""
    if not words:
        return bundle
    if to != "hf":
        raise SynthError(
            f"`--benchmark` writes what the hub reads, and `--to {to}` is not for it", "leave it out"
        )
    if not hasattr(huggingface_hub, "EvalResultEntry"):
        message = "`--benchmark` needs a huggingface_hub that knows `.eval_results`"
        raise SynthError(message, "pip install --upgrade huggingface_hub")
    results = [result for word in dict.fromkeys(words) for result in find_results(bundle.card.metrics, word)]
    return replace(bundle, card=replace(bundle.card, benchmarks=tuple(results)))


def find_results(metrics: Sequence[Metric], word: str) -> list[BenchmarkResult]:
    """Return the results of a figure that were measured on this dataset."""
    found = FORM.fullmatch(word)
    if found is None:
        hint = "such as `--benchmark accuracy=openai/gsm8k:gsm8k`; `eval.yaml` of the dataset names its tasks"
        raise SynthError(f"`--benchmark {word}` is no `FIGURE=OWNER/DATASET:TASK`", hint)
    figure, dataset, task = found["figure"], found["dataset"], found["task"]
    measured = [metric for metric in metrics if metric.name == figure]
    if not measured:
        names = ", ".join(dict.fromkeys(f"`{metric.name}`" for metric in metrics))
        hint = f"it has {names}" if names else "`synth eval` makes results"
        raise SynthError(f"`--benchmark {word}`: this checkpoint has no result `{figure}`", hint)
    fitting = [metric for metric in measured if may_be_of(metric, dataset)]
    if not fitting:
        raise _other_dataset(word, measured[0])
    return [BenchmarkResult(dataset, task, metric) for metric in fitting]


def may_be_of(metric: Metric, dataset: str) -> bool:
    """Whether a figure was measured on a dataset of the hub, or on files of the user's own, who knows."""
    return metric.dataset == dataset or metric.corpus.partition(":")[0] in OWN


def _other_dataset(word: str, metric: Metric) -> SynthError:
    where = f"`{metric.corpus}`, " + (
        f"`{metric.dataset}` on the hub" if metric.dataset else "which is no dataset of the hub"
    )
    message = f"`--benchmark {word}`: `{metric.name}` was measured on {where}"
    return SynthError(message, "leave it out, or evaluate on the benchmark's own data first")
