"""A row of a reproduction: trained, evaluated, and timed beside the others of its task."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from synthcli.compress.costs import time_on
from synthcli.data.corpora import find_corpus
from synthcli.data.examples.examples import Examples
from synthcli.device import current_device
from synthcli.errors import SynthError, carry_result
from synthcli.evaluation.result import Result
from synthcli.jobs.evaluate.evaluate import (
    EvaluationRequest,
    evaluate_checkpoint,
    evaluate_model,
    options_for,
)
from synthcli.jobs.reproduce.claims_beside import describe_claims
from synthcli.jobs.stores import examples_of
from synthcli.jobs.train import Observer, fit_to_store, initialise_model, resume_run, train_experiment
from synthcli.model import build, count_parameters
from synthcli.objectives import OBJECTIVES
from synthcli.presets import load_preset
from synthcli.presets.dumping import write_toml_value
from synthcli.presets.merge import tables
from synthcli.presets.schema import Experiment
from synthcli.progress import Progress
from synthcli.reproduce.table import ResultRow
from synthcli.reproduce.tasks import Task
from synthcli.runs import Run, differences_in_training, list_runs, read_experiment
from synthcli.runs.environment import describe_device
from synthcli.training.determinism import deterministic, fix_workspace
from synthcli.training.interrupts import Interrupt
from synthcli.training.step import take_step
from synthcli.training.trainer import prepare

TIMED_ROUNDS = 7
STEP_TIME = "step-time"
FITTED = ("vocab_size", "num_classes", "class_names")  # what a model's configuration takes from its store


@dataclass(frozen=True)
class Reproduction:
    """How large, on whose files, and with which keys set otherwise."""

    scale: str = "smoke"
    data: Path | None = None
    overrides: tuple[str, ...] = ()


def experiment_of(task: Task, variant: str, asked: Reproduction) -> Experiment:
    """Return the experiment of one row; its corpus stands in `data` where that is given."""
    corpus = () if task.corpus is None else (f"data.corpus={task.corpus}",)
    return _load(task.presets[variant], asked, (*task.overrides, *asked.overrides, *corpus))


def _load(name: str, asked: Reproduction, overrides: Sequence[str]) -> Experiment:
    """Return a preset as it is asked for, with where its corpus lies."""
    experiment = load_preset(name, asked.scale, None, overrides)
    source = source_settings(experiment.data.corpus, asked.data)
    return load_preset(name, asked.scale, None, [*overrides, *source]) if source else experiment


def source_settings(corpus: str, data: Path | None) -> tuple[str, ...]:
    """Return the setting of where a corpus lies in a folder of corpora; none where it needs no files."""
    if data is None or find_corpus(corpus).builtin:
        return ()
    return (f"data.source={write_toml_value(str(folder_in(data, corpus)))}",)


def folder_in(data: Path, corpus: str) -> Path:
    """Return the folder of a corpus in a folder of corpora."""
    folder = find_folder(data, corpus)
    if folder is None:
        raise SynthError(
            f"`{data}` holds no folder for the corpus `{corpus}`",
            f"make `{data / corpus}` with {find_corpus(corpus).layout}",
        )
    return folder


def find_folder(data: Path, corpus: str) -> Path | None:
    """Return the folder whose name begins with the corpus's; None where there is none."""
    folders = [path for path in sorted(data.glob("*")) if path.is_dir()] if data.is_dir() else []
    named = (path for path in folders if path.name.replace("_", "-").startswith(corpus))
    return next((path.resolve() for path in named), None)


def make_row(task: Task, variant: str, asked: Reproduction, observer: Observer) -> ResultRow:
    """Return the row of one model, trained and evaluated where that is not done; its step is timed later."""
    run = finish_run(experiment_of(task, variant, asked), observer)
    experiment = read_experiment(run)
    evaluated = result_of(run, task.metric, observer)
    untrained = evaluate_untrained(run, experiment, task.metric, observer)
    figure = evaluated.figures[0]
    with torch.device("meta"):
        parameters = count_parameters(build(experiment.model))
    return ResultRow(
        task=task.name,
        preset=experiment.name,
        variant=variant,
        corpus=evaluated.corpus,
        metric=figure.name,
        protocol=" ".join(filter(None, (figure.protocol, figure.signature))),
        value=figure.value,
        interval=figure.interval,
        untrained=untrained.figures[0].value,
        higher_is_better=figure.higher_is_better,
        samples=evaluated.samples,
        parameters=parameters,
        steps=evaluated.step,
        step_time=None,
        claim="; ".join(describe_claims(experiment, evaluated)),
        run=str(run.path),
        threads=threads_of(run),
    )


def finish_run(experiment: Experiment, observer: Observer) -> Run:
    """Return a complete run of exactly this experiment: found, resumed, or trained."""
    for run in list_runs(name=experiment.name):
        if same(run, experiment):
            if not run.is_finished:
                resume_run(run, None, observer)
            return refuse_incomplete(run)
    return refuse_incomplete(train_experiment(experiment, observer).run)


def evaluate_preset(name: str, asked: Reproduction, observer: Observer) -> list[Result]:
    """Return the results of a preset by each of its metrics; it is trained where it is not yet."""
    experiment = _load(name, asked, asked.overrides)
    run = finish_run(experiment, observer)
    return [result_of(run, metric, observer) for metric in experiment.evaluation.metrics]


def find_trained(experiment: Experiment) -> Run | None:
    """Return a complete run of exactly this experiment, if there is one."""
    runs = list_runs(name=experiment.name)
    return next((run for run in runs if run.is_finished and same(run, experiment)), None)


def same(run: Run, experiment: Experiment) -> bool:
    """Return whether a run trains this experiment; sizes that follow its store may differ."""
    try:
        own = read_experiment(run)
    except SynthError:  # edited since, or damaged: another is trained
        return False
    return trains_alike(own.model_dump(mode="json"), experiment)


def trains_alike(own: Mapping[str, object], experiment: Experiment) -> bool:
    """Return whether a resolved preset trains this experiment; sizes that follow its store may differ.

    So may the place of its corpus where one side names none: a run notes where its store came from, a record
    does not, and the hash of the store says what it holds.
    """
    asked = experiment.model_dump(mode="json")
    data, model = tables(own, "data", "model")
    if None in (asked["data"]["source"], data.get("source")):
        asked["data"]["source"] = data.get("source")
    asked["model"] |= {key: model.get(key) for key in FITTED}
    return not differences_in_training(own, asked)


def refuse_incomplete(run: Run) -> Run:
    """Stop a reproduction that was interrupted; what is done stays done."""
    if not run.is_finished:
        raise KeyboardInterrupt
    return run


def threads_of(run: Run) -> tuple[int, ...]:
    """Return on how many threads a run was trained, session after session: sums depend on it."""
    counts = (one.get("threads") for one in run.sessions)
    return tuple(dict.fromkeys(count for count in counts if isinstance(count, int)))


def result_of(run: Run, metric: str, observer: Observer) -> Result:
    """Return the result of a run, evaluated now if it is not yet."""
    for name, table in run.read_results().items():
        if name.startswith(f"{metric}.") and "limit" not in name:
            return Result.from_json(table)
    return evaluate_checkpoint(run.path, EvaluationRequest(metric), show_evaluation(metric, observer))


def show_evaluation(metric: str, observer: Observer) -> Progress:
    """Return what tells a observer how far an evaluation is."""

    def report(what: str, done: int, total: int | None, note: str = "") -> None:
        observer.preparing(f"evaluating {metric}", done, total)

    return report


def evaluate_untrained(run: Run, experiment: Experiment, metric: str, observer: Observer) -> Result:
    """Evaluate the model a run began with, greedily, on the same examples."""
    name = f"untrained-{metric}"
    known = run.read_results().get(name)
    if known is not None:
        return Result.from_json(known)
    experiment, store = fit_to_store(experiment, observer)
    evaluation = experiment.evaluation
    examples = examples_of(store, evaluation.split, experiment.model, experiment.data, evaluation)
    request = EvaluationRequest(metric, beam=1)
    config = options_for(experiment, request)
    model = initialise_model(experiment, observer).to(current_device())
    progress = show_evaluation(metric, observer)
    result = evaluate_model(model, store.tokenizer, examples, config, request, progress, ("untrained", 0))
    with carry_result(result):
        run.write_result(name, result.to_json())
    return result


def step_times(runs: Mapping[str, Run], observer: Observer) -> dict[str, float]:
    """Return the time of a step relative to the first variant, all taking turns in this process."""
    known = {variant: run.read_results().get(STEP_TIME) for variant, run in runs.items()}
    if all(known.values()):
        return {variant: table["relative_to_first"] for variant, table in known.items() if table}
    seconds = time_task({variant: read_experiment(run) for variant, run in runs.items()}, observer)
    first, device = next(iter(seconds.values())), describe_device(current_device())
    for variant, run in runs.items():
        relative = seconds[variant] / first
        timing = {"seconds": seconds[variant], "relative_to_first": relative, "device": device}
        run.write_result(STEP_TIME, timing)
    return {variant: seconds[variant] / first for variant in runs}


def time_task(
    experiments: dict[str, Experiment], observer: Observer, rounds: int | None = None
) -> dict[str, float]:
    """Return the median seconds of a step by variant, of so many steps each."""
    seconds = time_steps(experiments, observer, TIMED_ROUNDS if rounds is None else rounds)
    return {variant: statistics.median(values) for variant, values in seconds.items()}


def time_steps(
    experiments: Mapping[str, Experiment], observer: Observer, rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of so many steps of each variant, all taking turns in this process."""
    with fix_workspace(any(experiment.training.deterministic for experiment in experiments.values())):
        return _time_steps(experiments, observer, rounds)


def _time_steps(
    experiments: Mapping[str, Experiment], observer: Observer, rounds: int
) -> dict[str, list[float]]:
    trainings = {}
    for variant, experiment in experiments.items():
        fitted, store = fit_to_store(experiment, observer)
        examples: Examples = examples_of(store, "train", fitted.model, fitted.data)
        objective = OBJECTIVES[fitted.model.task]
        network = initialise_model(fitted, observer).train()
        trainings[variant] = prepare(network, examples, objective, fitted.training, fitted.data.batch, ())
    seconds: dict[str, list[float]] = {variant: [] for variant in trainings}
    for turn in range(rounds + 1):
        for variant, training in trainings.items():
            with deterministic(training.config.deterministic, training.device):
                taken = time_on(training.device, partial(take_step, training, Interrupt()))
            if turn:  # the first step of each warms up
                seconds[variant].append(taken)
    for training in trainings.values():
        training.close()
    return seconds
