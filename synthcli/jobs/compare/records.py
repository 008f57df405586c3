"""The record of a run: found, or made of a finished run and its evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from synthcli.claims import diverged, measured
from synthcli.compare.record import RecordedFigure, RunRecord, read_record
from synthcli.errors import SynthError
from synthcli.evaluation.kept_samples import read_samples
from synthcli.evaluation.result import Result
from synthcli.jobs.evaluate.evaluate import EvaluationRequest, evaluate_checkpoint, file_name
from synthcli.jobs.reproduce.rows import show_evaluation, trains_alike
from synthcli.jobs.train import Observer
from synthcli.presets.planning import parameters_of
from synthcli.presets.schema import Experiment
from synthcli.runs import Run, read_experiment
from synthcli.runs.differences import preset_hash
from synthcli.runs.environment import environment
from synthcli.runs.run import replace_json
from synthcli.training.metrics_log import read_journal

TRIALS = "tuning.json"
OF_ARMS = ("equal.json", TRIALS)  # beside the records: how the settings of arms were found
BESIDE_RUNS = (diverged.PREFIX, measured.PREFIX)  # records of claims that are no finished run's
FREE = ("batch_size", "bootstrap", "seed")  # of an evaluation: samples are the same whatever these are
MADE = ("time", "commit", "processor", "processors", "device", "python", "versions")


def make_record(run: Run, asked: Experiment, metrics: Sequence[str], observer: Observer) -> RunRecord:
    """Return the record of a finished run, evaluated as `asked`, and write it beside its preset."""
    results = {metric: _evaluate(run, asked, metric, observer) for metric in metrics}
    result, _ = results[metrics[0]]
    experiment = read_experiment(run)
    parameters = parameters_of(experiment)
    record = RunRecord(
        preset=experiment.name,
        scale=experiment.scale,
        seed=experiment.training.seed,
        run=run.id,
        configuration=portable_settings(experiment),
        metrics=tuple(metrics),
        corpus=result.corpus,
        split=result.split,
        store=result.store,
        options={metric: one.options for metric, (one, _) in results.items()},
        steps=result.step,
        parameters=parameters.total,
        non_embedding=parameters.non_embedding,
        made={key: value for key, value in run.sessions[-1].items() if key in MADE},
        cost=training_cost(run),
        curve=tuple(_curve(run)),
        clock=tuple(_clock(run)),
        figures=tuple(figure for one, samples in results.values() for figure in _figures(one, samples)),
    )
    replace_json(record_path(run, metrics), record.to_json())
    return record


def describe_here() -> dict[str, object]:
    """Return what records say of the machine and the code, of what is measured here and now."""
    return {key: value for key, value in environment().items() if key in MADE}


def portable_settings(experiment: Experiment) -> dict[str, object]:
    """Return the settings of an experiment, but for where its corpus lies on this machine."""
    settings = experiment.model_dump(mode="json")
    return settings | {"data": settings["data"] | {"source": None}}


def _figures(result: Result, samples: Path) -> Iterator[RecordedFigure]:
    """Yield the figures of a result whose samples are kept."""
    of_result = {one.name: one for one in result.figures}
    for name, kept in read_samples(samples).items():
        one = of_result[name]
        yield RecordedFigure(one.value, one.higher_is_better, one.protocol, one.signature, kept)


def record_path(run: Run, metrics: Sequence[str]) -> Path:
    return run.path / f"record.{'-'.join(metrics)}.json"


def find_record(
    records: Sequence[RunRecord], experiment: Experiment, metrics: Sequence[str]
) -> RunRecord | None:
    """Return the record of exactly this experiment, evaluated by all of these metrics as it says."""
    for record in records:
        is_named = record.preset == experiment.name and set(metrics) <= set(record.metrics)
        if is_named and trains_alike(record.configuration, experiment):
            options = [record.options[metric] for metric in metrics]
            if all(is_evaluated_so(experiment, one, record.split) for one in options):
                return record
    return None


def read_records(folder: Path) -> list[RunRecord]:
    """Return the records in a folder, in the order of their names."""
    if not folder.is_dir():
        raise SynthError(f"there is no folder `{folder}`", "name one with records, or leave `--records` out")
    return [read_record(path) for path in sorted(folder.glob("*.json")) if holds_run(path)]


def holds_run(path: Path) -> bool:
    """Whether a file of a folder of records is, by its name, the record of a finished run."""
    return path.name not in OF_ARMS and not path.name.startswith(BESIDE_RUNS)


def record_name(record: RunRecord) -> str:
    """Return what a record is called among others: preset, scale, seed, run, and how it was evaluated."""
    kept = {
        metric: {key: value for key, value in options.items() if key not in FREE}
        for metric, options in record.options.items()
    }
    own = preset_hash(kept)[:6]
    words = (record.preset, record.scale, "-".join(record.metrics), f"seed-{record.seed}", record.run, own)
    return ".".join((*words, "json"))


def is_evaluated_so(asked: Experiment, options: Mapping[str, object], split: str) -> bool:
    """Whether an evaluation had these options on this split; how many at a time and intervals may differ.

    A file of one's own may have one split alone, which is evaluated whatever is asked.
    """
    wanted = asked.evaluation.model_dump(mode="json", exclude={"metrics", "split", *FREE})
    is_split = split == asked.evaluation.split or ":" in asked.data.corpus
    return is_split and all(options.get(key) == value for key, value in wanted.items())


def _evaluate(run: Run, asked: Experiment, metric: str, observer: Observer) -> tuple[Result, Path]:
    """Return the result of a run and the file of its samples; both are made where one is missing."""
    for name, table in run.read_results().items():
        if name.startswith(f"{metric}.") and "limit" not in name and run.samples_path(name).is_file():
            result = Result.from_json(table)
            is_whole = result.step == _last_step(run)
            if is_whole and is_evaluated_so(asked, result.options, result.split):
                return result, run.samples_path(name)
    request = EvaluationRequest(metric, settings=asked.evaluation)
    result = evaluate_checkpoint(run.path, request, show_evaluation(metric, observer))
    return result, run.samples_path(file_name(result))


def _last_step(run: Run) -> int:
    assert run.last is not None  # it is finished
    return int(run.last.name.removeprefix("step-"))


def training_cost(run: Run) -> dict[str, float]:
    """Return seconds and tokens of training, and the most bytes that were held."""
    timings = _timings(run)
    peaks = {"peak_memory": max((row.get("peak_memory", 0) for row in timings), default=0)}
    if gpu := max((row.get("peak_gpu_memory", 0) for row in timings), default=0):
        peaks["peak_gpu_memory"] = gpu
    seconds = sum(row["seconds"] for row in timings)
    return {"seconds": round(seconds, 2), "tokens": round(sum(map(_tokens, timings))), **peaks}


def _timings(run: Run) -> list[dict[str, float]]:
    return [row for row in read_journal(run.timings) if "seconds" in row]


def _tokens(row: Mapping[str, float]) -> float:
    """Return the tokens between two records of the clock; older ones say how many a second brought."""
    return float(row.get("tokens", row["seconds"] * row.get("tokens_per_second", 0.0)))


def _curve(run: Run) -> Iterator[tuple[float, float]]:
    for row in read_journal(run.journal):
        if "validation_loss" in row:
            yield float(row["step"]), float(row["validation_loss"])


def _clock(run: Run) -> Iterator[tuple[float, float, float]]:
    """Yield steps of the curve, seconds and tokens until then; between two records in proportion."""
    timings = _timings(run)
    steps = [0.0, *(float(row["step"]) for row in timings)]
    seconds = np.cumsum([0.0, *(row["seconds"] for row in timings)])
    tokens = np.cumsum([0.0, *map(_tokens, timings)])
    for step, _ in _curve(run):
        yield step, float(np.interp(step, steps, seconds)), float(np.interp(step, steps, tokens))
