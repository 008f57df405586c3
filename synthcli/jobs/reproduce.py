"""Reproduce: every task by every variant, trained, judged, in one table; what is done is not redone."""

import json
import platform
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from synthcli import durable
from synthcli.data.corpora import find_corpus
from synthcli.data.examples import Examples
from synthcli.disk import refuse_unwritable, writing
from synthcli.errors import SynthError, carrying, did_you_mean
from synthcli.evaluation.result import Result
from synthcli.jobs.evaluate import Request, evaluate_checkpoint, judge, nothing, options_for
from synthcli.jobs.reproduce_compressed import TEACHER, compressed_rows
from synthcli.jobs.stores import examples_of
from synthcli.jobs.train import Watcher, fitted_to_store, initialised, resume_run, train_experiment
from synthcli.model import build, count_parameters
from synthcli.objectives import OBJECTIVES
from synthcli.presets import load_preset
from synthcli.presets.dumping import written
from synthcli.presets.schema import Experiment
from synthcli.reproduce.table import Row, as_json, markdown
from synthcli.runs import Run, differences_in_training, list_runs, read_experiment, refuse_unwritable_runs
from synthcli.training.interrupts import Interrupt
from synthcli.training.step import take_step
from synthcli.training.training import prepare

TIMED_ROUNDS = 7
ELSEWHERE = "name another folder with `-o`"
KEPT = "give the same command again: what is done is kept"
ANY = ("smoke", "hour", "day", "paper")


@dataclass(frozen=True)
class Task:
    """One block of the table: presets by variant, the first being timed against, and their figure.

    `scales` are those it belongs to: at smoke, translation is the exact-answer tasks of its stand-ins.
    """

    name: str
    presets: dict[str, str]
    metric: str
    scales: tuple[str, ...] = ANY
    corpus: str | None = None  # in place of the preset's


def synthesizers(family: str) -> dict[str, str]:
    return {variant: f"{family}-{variant}" for variant in ("vanilla", "dense", "random")}


TASKS = (
    Task("translation", synthesizers("wmt14"), "accuracy", ("smoke",), corpus="copy"),
    Task("translation", synthesizers("wmt14"), "accuracy", ("smoke",), corpus="reverse"),
    Task("translation", synthesizers("wmt14"), "bleu", ("hour", "day", "paper")),
    Task("language modelling", synthesizers("lm1b"), "perplexity"),
    Task("summarisation", synthesizers("cnn-dailymail"), "rouge"),
    Task("classification", synthesizers("agnews"), "accuracy"),
    Task("code", {block: f"codeparrot-{block}" for block in ("pre-norm", "skipless-parallel")}, "perplexity"),
    Task("bytes", {"srupp": "srupp-enwik8-base"}, "perplexity"),
    Task("hidden words", {"bert": TEACHER}, "perplexity"),
)


@dataclass(frozen=True)
class Reproduction:
    """How large, on whose files, and with which keys set otherwise."""

    scale: str = "smoke"
    data: Path | None = None
    overrides: tuple[str, ...] = ()


def reproduce(asked: Reproduction, folder: Path, watcher: Watcher) -> tuple[Path, list[Row]]:
    """Return the report's file and its rows."""
    if asked.scale not in ANY:
        raise SynthError(f"there is no scale `{asked.scale}`", did_you_mean(asked.scale, ANY))
    refuse_unwritable(folder / "report", ELSEWHERE)
    refuse_unwritable_runs()
    rows: list[Row] = []
    for task in TASKS:
        if asked.scale in task.scales:
            rows += list(rows_of(task, asked, watcher))
    for teacher in [row for row in rows if row.preset == TEACHER]:
        rows += compressed_rows(asked.scale, Path(teacher.run), watcher)
    return write_report(rows, asked.scale, folder), rows


def rows_of(task: Task, asked: Reproduction, watcher: Watcher) -> Iterator[Row]:
    """Yield the rows of a task, training and judging what is missing."""
    experiments = {v: experiment_of(task, preset, asked) for v, preset in task.presets.items()}
    finished = {variant: finished_run(one, watcher) for variant, one in experiments.items()}
    times = step_times(task, finished, watcher)
    for variant, run in finished.items():
        yield row_of(task, variant, run, times[variant], watcher)


def experiment_of(task: Task, name: str, asked: Reproduction) -> Experiment:
    """Return the experiment of one row; its corpus stands in `data` where that is given."""
    overrides = list(asked.overrides)
    if task.corpus is not None:
        overrides.append(f"data.corpus={task.corpus}")
    experiment = load_preset(name, asked.scale, None, overrides)
    if asked.data is None or find_corpus(experiment.data.corpus).builtin:
        return experiment
    source = f"data.source={written(str(folder_in(asked.data, experiment.data.corpus)))}"
    return load_preset(name, asked.scale, None, [*overrides, source])


def folder_in(data: Path, corpus: str) -> Path:
    """Return the folder of a corpus in a folder of corpora; its name begins with the corpus's."""
    folders = [path for path in sorted(data.glob("*")) if path.is_dir()] if data.is_dir() else []
    for path in folders:
        if path.name.replace("_", "-").startswith(corpus):
            return path.resolve()
    raise SynthError(
        f"`{data}` holds no folder for the corpus `{corpus}`",
        f"make `{data / corpus}` with {find_corpus(corpus).layout}",
    )


def finished_run(experiment: Experiment, watcher: Watcher) -> Run:
    """Return a complete run of exactly this experiment: found, resumed, or trained."""
    for run in list_runs(name=experiment.name):
        if same(run, experiment):
            if not run.is_finished:
                resume_run(run, None, watcher)
            return refuse_incomplete(run)
    return refuse_incomplete(train_experiment(experiment, watcher).run)


def same(run: Run, experiment: Experiment) -> bool:
    """Return whether a run trains this experiment; sizes that follow its store may differ."""
    try:
        own, asked = read_experiment(run), experiment
    except SynthError:  # edited since, or damaged: another is trained
        return False
    found = own.model
    sizes = {
        "vocab_size": found.vocab_size,
        "num_classes": found.num_classes,
        "class_names": found.class_names,
    }
    asked = asked.model_copy(update={"model": asked.model.model_copy(update=sizes)})
    return not differences_in_training(own.model_dump(mode="json"), asked.model_dump(mode="json"))


def refuse_incomplete(run: Run) -> Run:
    """Stop a reproduction that was interrupted; what is done stays done."""
    if not run.is_finished:
        raise KeyboardInterrupt
    return run


def row_of(task: Task, variant: str, run: Run, step_time: float | None, watcher: Watcher) -> Row:
    """Return the row of one trained model."""
    experiment = read_experiment(run)
    judged = result_of(run, task.metric, watcher)
    untrained = untrained_result(run, experiment, task.metric, watcher)
    figure = judged.figures[0]
    with torch.device("meta"):
        parameters = count_parameters(build(experiment.model))
    return Row(
        task=task.name,
        preset=experiment.name,
        variant=variant,
        corpus=judged.corpus,
        metric=figure.name,
        protocol=" ".join(filter(None, (figure.protocol, figure.signature))),
        value=figure.value,
        interval=figure.interval,
        untrained=untrained.figures[0].value,
        higher_is_better=figure.higher_is_better,
        samples=judged.samples,
        parameters=parameters,
        steps=judged.step,
        step_time=step_time,
        claim=claim_of(experiment, task.metric, figure.value),
        run=str(run.path),
    )


def result_of(run: Run, metric: str, watcher: Watcher) -> Result:
    """Return the result of a run, judged now if it is not yet."""
    for name, table in run.read_results().items():
        if name.startswith(f"{metric}.") and "limit" not in name:
            return Result.from_json(table)
    watcher.say(f"judging `{run.path}` by {metric}")
    return evaluate_checkpoint(run.path, Request(metric))


def untrained_result(run: Run, experiment: Experiment, metric: str, watcher: Watcher) -> Result:
    """Judge the model a run began with, greedily, on the same examples."""
    name = f"untrained-{metric}"
    known = run.read_results().get(name)
    if known is not None:
        return Result.from_json(known)
    experiment, store = fitted_to_store(experiment, watcher)
    judging = experiment.evaluation
    examples = examples_of(store, judging.split, experiment.model, experiment.data, judging)
    request = Request(metric, beam=1)
    config = options_for(experiment, request)
    model = initialised(experiment, watcher)
    result = judge(model, store.tokenizer, examples, config, request, nothing, ("untrained", 0))
    with carrying(result):
        run.write_result(name, result.to_json())
    return result


def claim_of(experiment: Experiment, metric: str, value: float) -> str:
    """Return a published figure beside ours."""
    claim = experiment.claims.get(metric)
    if claim is None:
        return ""
    checked = "" if claim.verified else ", not verified"
    return f"{experiment.name}: {metric} {value:.2f}, published {claim.value:g} ({claim.protocol}{checked})"


def step_times(task: Task, runs: dict[str, Run], watcher: Watcher) -> dict[str, float | None]:
    """Return the time of a step relative to the first variant, all taking turns in this process."""
    name = "step-time"
    known = {variant: run.read_results().get(name) for variant, run in runs.items()}
    if all(known.values()):
        return {variant: table["relative_to_first"] for variant, table in known.items() if table}
    watcher.say(f"timing the steps of {task.name}")
    seconds = timed({variant: read_experiment(run) for variant, run in runs.items()}, watcher)
    first = next(iter(seconds.values()))
    for variant, run in runs.items():
        relative = seconds[variant] / first
        run.write_result(name, {"seconds": seconds[variant], "relative_to_first": relative})
    return {variant: seconds[variant] / first for variant in runs}


def timed(experiments: dict[str, Experiment], watcher: Watcher) -> dict[str, float]:
    """Return the median seconds of a step by variant."""
    trainings = {}
    for variant, experiment in experiments.items():
        fitted, store = fitted_to_store(experiment, watcher)
        examples: Examples = examples_of(store, "train", fitted.model, fitted.data)
        objective = OBJECTIVES[fitted.model.task]
        network = initialised(fitted, watcher).train()
        trainings[variant] = prepare(network, examples, objective, fitted.training, fitted.data.batch, ())
    seconds: dict[str, list[float]] = {variant: [] for variant in trainings}
    for turn in range(TIMED_ROUNDS + 1):
        for variant, training in trainings.items():
            began = time.perf_counter()
            take_step(training, Interrupt())
            if turn:  # the first step of each warms up
                seconds[variant].append(time.perf_counter() - began)
    return {variant: statistics.median(values) for variant, values in seconds.items()}


def write_report(rows: list[Row], scale: str, folder: Path) -> Path:
    """Write the table as Markdown and JSON; return the Markdown's path."""
    seed = read_experiment(Run(Path(rows[0].run))).training.seed
    where = (
        f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    path, table = folder / f"reproduce-{scale}.md", as_json(rows, scale, seed, where)
    with carrying((rows, table)), writing(f"the report `{path}`", path, ELSEWHERE, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
        durable.write_text(path, markdown(rows, scale, seed, where))
        text = json.dumps(table, indent=2, ensure_ascii=False)
        durable.write_text(path.with_suffix(".json"), text + "\n")
    return path
