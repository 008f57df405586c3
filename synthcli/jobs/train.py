"""Train an experiment: its store, its run, its model, the loop."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from synthcli.data.examples.examples import Examples
from synthcli.data.store.store import Store
from synthcli.device import current_device
from synthcli.errors import SynthError
from synthcli.evaluation.measure import refuse_headless, refuse_metric
from synthcli.jobs.evaluate.evaluate import own_tokenizer
from synthcli.jobs.shortage import resumable
from synthcli.jobs.stores import examples_of, find_prepared_store, store_for
from synthcli.jobs.warm_start import LoadReport, freeze, start_from
from synthcli.memory import refuse_larger
from synthcli.model import TaskModel, build
from synthcli.model.ops.dispatch import description, uses_kernels
from synthcli.objectives import OBJECTIVES
from synthcli.presets import Plan, plan_training, preset_names
from synthcli.presets.commands import build_command
from synthcli.presets.planning import parameters_of
from synthcli.presets.schema import Experiment
from synthcli.progress import Progress, Say, no_progress
from synthcli.runs import (
    Run,
    comparable,
    find_checkpoint,
    find_run,
    is_training,
    list_runs,
    note_unfinished,
    read_experiment,
    refuse_differences,
    refuse_other_command,
    refuse_unwritable_runs,
    start_run,
)
from synthcli.runs.experiments import START, TOKENIZER, with_places
from synthcli.runs.trackers import start_tracking
from synthcli.training.checkpoints import load_checkpoint, newest_checkpoint
from synthcli.training.loop import Outcome, train
from synthcli.training.seeding import seed_torch
from synthcli.training.trainer import Callback, refuse_few_streams

WEIGHT_BYTES = 4  # of a parameter in float32
LEARNING_BYTES = 12  # of its gradient, and of the two moments of the optimizers


@dataclass(frozen=True)
class Observer:
    """Who is told what happens; `say` takes one line for people, `training` a name and returns a callback."""

    say: Say
    preparing: Progress = no_progress
    loaded: Callable[[LoadReport], None] | None = None
    training: Callable[[str], Callback] | None = None
    trackers: tuple[str, ...] = ()  # of `--track`


@dataclass(frozen=True)
class Trained:
    """A run and how its training ended; None where it was complete already."""

    run: Run
    experiment: Experiment
    outcome: Outcome | None


def fit_to_store(
    experiment: Experiment, observer: Observer, used: str | None = None
) -> tuple[Experiment, Store]:
    """Return the experiment with the sizes its store has, and the store; `used` is the hash of a run's."""
    experiment = in_pieces_of_its_start(with_places(experiment))
    store = store_for(experiment.data, observer.preparing, used)
    return fit_experiment(with_source(experiment, store), store), store


def with_source(experiment: Experiment, store: Store) -> Experiment:
    """Return the experiment with what its store was asked to read: its run never reads anything else."""
    given = store.manifest["source"].get("given")
    if experiment.data.source is not None or given is None:
        return experiment
    return experiment.with_source(given, "the store")


def in_pieces_of_its_start(experiment: Experiment) -> Experiment:
    """Return the experiment with the tokenizer of the checkpoint it starts from: ids must mean the same."""
    start, data = experiment.start, experiment.data
    if start is None or start.vocabulary == "new" or data.tokenizer.files is not None:
        return experiment
    checkpoint = load_checkpoint(Path(start.checkpoint))
    data = data.model_copy(update={"tokenizer": own_tokenizer(checkpoint, data.tokenizer.form)})
    model = experiment.model.model_copy(update={"vocab_size": checkpoint.config.vocab_size})
    return experiment.model_copy(update={"data": data, "model": model})


def fit_experiment(experiment: Experiment, store: Store) -> Experiment:
    """Return the experiment with the vocabulary and the classes of a store."""
    return experiment.fit_to_store(store.tokenizer.vocab_size, store.class_names)


def plan_with_store(experiment: Experiment) -> Plan:
    """Return the plan of an experiment with what its store really holds, if it is prepared."""
    store = find_prepared_store(with_places(experiment, [TOKENIZER]).data)
    if store is None:
        return plan_training(experiment)
    return plan_training(
        fit_experiment(experiment, store), {split: store.rows(split) for split in store.splits}
    )


def train_experiment(experiment: Experiment, observer: Observer, verb: str = "train") -> Trained:
    """Train in a new run of a command."""
    refuse_unwritable_runs()
    for metric in experiment.evaluation.metrics:
        refuse_metric(metric, experiment.model.task)
    refuse_headless(experiment.model)
    experiment = without_teacher(experiment, observer)
    refuse_larger_than_memory(experiment)  # before its corpus is prepared
    if experiment.start is not None:
        freeze(build_on_meta(experiment), experiment.start.freeze)  # likewise: a part that is not there
    experiment, store = fit_to_store(experiment, observer)
    refuse_larger_than_memory(experiment)
    refuse_unwritable_runs(WEIGHT_BYTES * parameters_of(experiment).total)
    examples = examples_of(store, "train", experiment.model, experiment.data)  # refused before there is a run
    if examples.is_stream:
        refuse_few_streams(experiment.data.batch)
    run = start_run(experiment, verb, store.hash)
    return _train(run, experiment, examples, observer)


def build_on_meta(experiment: Experiment) -> nn.Module:
    with torch.device("meta"):
        return build(experiment.model)


def without_teacher(experiment: Experiment, observer: Observer) -> Experiment:
    """Return what `synth train` makes of a preset with `[compress]`: the model's shape alone; say so."""
    if experiment.compress is None:
        return experiment
    command = build_command(experiment.verb, experiment.name, experiment.scale)
    weights = "random initialisation" if experiment.start is None else f"`{experiment.start.checkpoint}`"
    observer.say(f"this trains the shape of `{experiment.name}` from {weights}")
    observer.say(f"`{command}` makes it from its teacher")
    return experiment.from_scratch()


def resume_run(run: Run, experiment: Experiment | None, observer: Observer) -> Trained:
    """Continue a run from its last checkpoint; another configuration is refused, naming what differs."""
    refuse_other_command(run, "train")
    is_done = run.is_finished or run.last is not None  # then its own checkpoint holds all there is of a start
    own = read_experiment(run, *([] if is_done else [START]), say=observer.say)
    if experiment is not None:
        again = from_same_source(experiment if own.compress else experiment.from_scratch(), own)
        wanted = from_same_source(fit_to_store(again, observer, run.store_hash)[0], own, experiment)
        if own.model.class_names is None:  # a run from before classes had names
            unnamed = wanted.model.model_copy(update={"class_names": None})
            wanted = wanted.model_copy(update={"model": unnamed})
        refuse_differences(run.path, comparable(own), comparable(wanted))
        own = wanted.model_copy(update={"start": own.start})
    if run.is_finished:
        observer.say(f"run `{run.path}` is complete")
        return Trained(run, own, None)
    store = store_for(own.data, observer.preparing, run.store_hash)
    refuse_other_store(run, store)
    return _train(run, own, examples_of(store, "train", own.model, own.data), observer)


def from_same_source(experiment: Experiment, own: Experiment, asked: Experiment | None = None) -> Experiment:
    """Return an experiment that reads what a run was told to, unless it is asked to read something else."""
    if (asked or experiment).data.source is not None:
        return experiment
    return experiment.with_source(own.data.source, "the run")


def run_to_resume(word: str | None) -> Run:
    """Return a run by its path, id or preset; of a preset the newest that is not complete."""
    if word is not None and Path(word).is_dir():
        return find_run(word)
    name = Path(word).stem if word and word.endswith(".toml") else word
    runs = [run for run in list_runs(name=name) if is_training(run)]
    for run in [*(run for run in runs if not run.is_finished), *runs]:
        return run
    if word is not None and (word.endswith(".toml") or word in preset_names()):
        command = shlex.join(["synth", "train", word])
        raise SynthError(f"no run of `{word}` is there to go on with", f"`{command}` begins one")
    return find_run(name)


def _train(run: Run, experiment: Experiment, examples: Examples, observer: Observer) -> Trained:
    model, data, store = experiment.model, experiment.data, examples.store
    with run.lock():
        observer.say(f"run `{run.path}`")
        if model.has_recurrence:
            observer.say(f"recurrence: {recurrence_here()}")
        newest = newest_checkpoint(run.checkpoints)
        network = initialise_model(experiment, observer, is_resumed=newest is not None)
        validation = None
        if "validation" in store.splits:
            validation = examples_of(store, "validation", model, data)
        else:
            observer.say(f"`{store.corpus}` has no validation split: no checkpoint is called the best")
        observers = [] if observer.training is None else [observer.training(experiment.name)]
        writing = run.callbacks(
            store.tokenizer, validation, store.hash, say=observer.say, trackers=observer.trackers
        )
        with (
            resumable(run, "train", experiment),
            start_tracking(run, observer.trackers, observer.say) as trackers,
        ):
            outcome = train(
                network,
                examples,
                OBJECTIVES[model.task],
                experiment.training,
                data.batch,
                callbacks=[*writing, *observers, trackers],
                resume=newest,
            )
            if outcome.evaluation is not None and not outcome.is_interrupted:
                trackers.tell_results({"validation_loss": outcome.evaluation.loss}, outcome.step)
    return Trained(run, experiment, outcome)


def recurrence_here() -> str:
    """Say what will run the recurrence; raise where kernels are required and there are none."""
    device = current_device()
    uses_kernels(device.type, device.index)
    return description(device.type, device.index)


def refuse_larger_than_memory(experiment: Experiment) -> None:
    """Refuse a model that does not fit with its gradients and moments, before any of it is made."""
    counted = parameters_of(experiment)
    needed = WEIGHT_BYTES * counted.total
    if current_device().type == "cpu":  # else only the weights pass through the memory of the machine
        needed += LEARNING_BYTES * counted.trainable
    what = f"a model of {counted.total:,} parameters"
    refuse_larger(
        what, needed, "lower `model.d_model`, its layers or its vocabulary, or name another `--scale`"
    )


def initialise_model(experiment: Experiment, observer: Observer, is_resumed: bool = False) -> TaskModel:
    """Return the model before its first step: by chance, or from a checkpoint.

    One that is resumed gets the weights of its own checkpoint later, and needs no other.
    """
    seed_torch(experiment.training.seed)
    network = build(experiment.model)
    if experiment.start is not None:
        if not is_resumed:
            start = load_checkpoint(find_checkpoint(experiment.start.checkpoint))
            say_if_unfinished(start.path, observer)
            report = start_from(network, start)
            if observer.loaded is not None:
                observer.loaded(report)
        freeze(network, experiment.start.freeze)
    return network


def say_if_unfinished(checkpoint: Path, observer: Observer) -> None:
    """Say that what a training begins with, or aims at, is not the end of its own training."""
    note = note_unfinished(checkpoint)
    if note is not None:
        observer.say(f"note: {note}")


def refuse_other_store(run: Run, store: Store) -> None:
    """Raise where a run would go on with other data than it began with."""
    if run.store_hash not in (None, store.hash):
        raise SynthError(
            f"run `{run.path}` was trained on another store than `{store.path}`",
            "restore that store, or start a new run without `--resume`",
        )
