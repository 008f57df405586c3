"""`.eval_results/*.yaml`: results on benchmarks of the hub, as its leaderboards read them.

https://huggingface.co/docs/hub/eval-results. A file holds one result, and what the format has no place for
(counts, interval, protocol, signature) is its `notes`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from synthcli.exporters.export_bundle import BenchmarkResult, Metric
from synthcli.exporters.markdown import one_line

FOLDER = ".eval_results"


def write_eval_results(results: Sequence[BenchmarkResult], folder: Path) -> None:
    """Write a file for each result; without any there is no folder."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    for name, result in _name_files(results):
        entry = EvalResultEntry(
            dataset_id=result.dataset,
            task_id=result.task,
            value=round(result.metric.value, 4),
            notes=_describe_measure(result.metric),
        )
        text = yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True)
        (folder / FOLDER).mkdir(exist_ok=True)
        (folder / FOLDER / name).write_text(text, encoding="utf-8")


def _name_files(results: Sequence[BenchmarkResult]) -> Iterator[tuple[str, BenchmarkResult]]:
    """Yield each result with the name of its file: those of one task are numbered."""
    taken: Counter[str] = Counter()
    for result in results:
        name = re.sub(r"[^\w.-]+", "-", f"{result.dataset}-{result.task}")
        taken[name] += 1
        yield f"{name}.yaml" if taken[name] == 1 else f"{name}-{taken[name]}.yaml", result


def _describe_measure(metric: Metric) -> str:
    """Return a line on how a figure was measured."""
    first = "first " if metric.is_slice else ""
    parts = [metric.name, f"{first}{metric.sample_count} samples of split {metric.split}"]
    if metric.interval is not None:
        parts.append(f"95 % {metric.interval[0]:.2f} to {metric.interval[1]:.2f}")
    return one_line("; ".join(filter(None, (*parts, metric.protocol, metric.signature))))
