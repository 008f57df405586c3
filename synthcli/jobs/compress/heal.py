"""Heal a student: train it as a whole towards its teacher's words, in a run that resumes like any other."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from synthcli.compress.config import HealConfig
from synthcli.compress.fidelity.outputs import measure_fidelity
from synthcli.compress.healing import EveryPosition, Healing
from synthcli.compress.teacher import Teacher, open_teacher
from synthcli.data.store.store import Store
from synthcli.errors import SynthError, carry_result, did_you_mean
from synthcli.jobs.compress.heal_experiment import (
    EVALUATED,
    METHOD,
    cut_to,
    experiment_for,
    fit_to_teacher,
    freeze_all_but,
    refuse_mismatch,
    teacher_of,
)
from synthcli.jobs.compress.layer_matching import account_of, match_layers
from synthcli.jobs.compress.report_types import HealAccount
from synthcli.jobs.compress.teachers import find_teacher
from synthcli.jobs.compress.texts import calibration, data_of, used_by
from synthcli.jobs.shortage import resumable
from synthcli.jobs.stores import examples_of, store_for
from synthcli.jobs.train import (
    WEIGHT_BYTES,
    Observer,
    Trained,
    build_on_meta,
    refuse_other_store,
    say_if_unfinished,
)
from synthcli.model import build
from synthcli.presets.planning import parameters_of
from synthcli.presets.schema import Experiment
from synthcli.runs import (
    PRESET,
    RESULT,
    Reference,
    Run,
    find_checkpoint,
    find_run,
    find_run_verb,
    is_named,
    list_runs,
    read_experiment,
    refuse_other_command,
    refuse_unwritable_runs,
    start_run,
)
from synthcli.runs.environment import describe_device
from synthcli.runs.experiments import START, TEACHER
from synthcli.runs.trackers import start_tracking
from synthcli.training.checkpoints import Checkpoint, load_checkpoint, newest_checkpoint
from synthcli.training.determinism import fix_workspace
from synthcli.training.loop import Outcome, train
from synthcli.training.seeding import seed_torch
from synthcli.training.tracking import Tracking
from synthcli.training.weights import load_weights


@dataclass(frozen=True)
class HealJob:
    """A healing with everything found and refused that can be, before there is a run."""

    experiment: Experiment
    account: HealAccount
    store: str


def prepare(config: HealConfig, checkpoint: str, observer: Observer, name: str | None = None) -> HealJob:
    """Return everything that healing a student needs; whatever is wrong is refused here."""
    refuse_unwritable_runs()
    student = load_checkpoint(find_checkpoint(checkpoint))
    teacher = teacher_of(config, student, observer.say)
    config = fit_to_teacher(config, teacher)
    refuse_mismatch(student, teacher, config.hidden)
    for path in (student.path, teacher.path):
        say_if_unfinished(path, observer)
    experiment = experiment_for(config, student, teacher, name)
    freeze_all_but(build_on_meta(experiment), config.train_only)  # refuses a pattern that names nothing
    used = used_by(teacher, data_of(teacher, config))
    store = store_for(experiment.data, observer.preparing, used)
    examples_of(store, "train", experiment.model, experiment.data)  # refused before there is a run
    refuse_unwritable_runs(WEIGHT_BYTES * parameters_of(experiment).total)
    account = account_for(student, teacher)
    layers_to_compare(account, config)
    return HealJob(experiment, account, store.hash)


def run(job: HealJob, observer: Observer) -> Trained:
    """Heal in a new run."""
    made = start_run(job.experiment, METHOD, job.store, lambda run: run.write_result(RESULT, job.account))
    return _heal(made, job.experiment, observer)


def resume(word: str | None, observer: Observer, teacher: str | None = None) -> Trained:
    """Continue a healing from its last checkpoint; without a word the newest that is not complete.

    `teacher` says where its teacher is now; another one is refused.
    """
    run = run_to_resume(word)
    if is_complete(run):
        experiment = read_experiment(run, say=observer.say)
        observer.say(f"run `{run.path}` is complete")
        return Trained(run, experiment, None)
    account = account_of(run.checkpoints / "last")
    begins = run.last is None or not {"teacher", "before"} <= account.keys()
    needed = [*([] if teacher else [TEACHER]), *([START] if begins else [])]
    experiment = read_experiment(run, *needed, say=observer.say)
    if teacher is not None and experiment.compress is not None:
        table = experiment.compress.model_copy(update={"teacher": str(find_teacher(teacher).path)})
        experiment = experiment.model_copy(update={"compress": table})
    return _heal(run, experiment, observer)


def run_to_resume(word: str | None) -> Run:
    """Return a healing by its path, id or name; of several the newest that is not complete."""
    if word is not None and (Path(word) / PRESET).is_file():
        run = find_run(word)
        refuse_other_command(run, METHOD)
        return run
    named = [run for run in list_runs() if word is None or word == run.id or is_named(run, word)]
    runs = [run for run in named if is_healing(run)]
    for run in [*(run for run in runs if not is_complete(run)), *runs]:
        return run
    for run in named if word is not None else ():
        refuse_other_command(run, METHOD)
    if word is None:
        raise SynthError("no run is being healed", "`synth heal CHECKPOINT` begins one")
    raise SynthError(f"`{word}` is no run that heals", did_you_mean(word, [run.name for run in runs]))


def is_healing(run: Run) -> bool:
    """Whether a run trains a student towards its teacher."""
    return find_run_verb(run) == METHOD


def is_complete(run: Run) -> bool:
    """Whether nothing of a healing is left to do: its steps are taken, and its student is compared."""
    return run.is_finished and "after" in account_of(run.checkpoints / "last")


def account_for(student: Checkpoint, teacher: Teacher) -> HealAccount:
    """Return whose student is healed, and which layers belong together where that is known."""
    layers = match_layers(student.path, student.config, teacher)
    account: HealAccount = {
        "method": METHOD,
        "teacher": Reference.to(teacher.path, model=teacher.hash).to_json(),
        "student": Reference.to(student.path).to_json(),
    }
    return account if layers is None else {**account, "layers": list(layers)}


def _heal(run: Run, experiment: Experiment, observer: Observer) -> Trained:
    """Take the steps that are left, and compare student and teacher before and after."""
    config, start = settings_of(experiment), experiment.start
    assert start is not None
    with run.lock(), fix_workspace(experiment.training.deterministic):  # before student and teacher compute
        observer.say(f"run `{run.path}`")
        teacher = open_teacher(Path(config.teacher or ""))
        account = account_of(run.checkpoints / "last")
        if "teacher" not in account:
            account.update(account_for(load_checkpoint(Path(start.checkpoint)), teacher))
        refuse_other_teacher(run, teacher, account)
        store = store_for(experiment.data, observer.preparing, run.store_hash)
        refuse_other_store(run, store)
        split = "validation" if "validation" in store.splits else "train"
        held_out = calibration(store, split, teacher, experiment.data, None, EVALUATED)
        newest = newest_checkpoint(run.checkpoints)
        account["device"] = describe_device(teacher.device)
        if "before" not in account:
            beginning = student_network(experiment, load_checkpoint(Path(start.checkpoint)), teacher.device)
            account["before"] = measure_fidelity(teacher.model, beginning.eval(), held_out).to_json()
            run.write_result(RESULT, account)
        checkpoint = newest or load_checkpoint(Path(start.checkpoint))
        student = student_network(experiment, checkpoint, teacher.device)
        outcome = None
        with start_tracking(run, observer.trackers, observer.say) as trackers:
            if not run.is_finished:
                objective = Healing(
                    teacher.model, config.temperature, config.hidden, layers_to_compare(account, config)
                )
                with resumable(run, METHOD, experiment):
                    outcome = train_towards(
                        run, experiment, student, objective, store, newest, observer, trackers
                    )
            if outcome is None or not outcome.is_interrupted:
                after = measure_fidelity(teacher.model, student.eval(), held_out).to_json()
                account["after"] = after
                with carry_result(account):
                    run.write_result(RESULT, account)
                near = {"before": account["before"], "after": after}
                trackers.tell_results(near, 0 if outcome is None else outcome.step)
    return Trained(run, experiment, outcome)


def train_towards(
    run: Run,
    experiment: Experiment,
    student: nn.Module,
    objective: Healing,
    store: Store,
    newest: Checkpoint | None,
    observer: Observer,
    trackers: Tracking,
) -> Outcome:
    """Train a student on every position of a text, from its newest checkpoint."""
    read = cut_to(experiment.model, settings_of(experiment).max_length)
    texts = {
        split: EveryPosition(examples_of(store, split, read, experiment.data))
        for split in ("train", "validation")
        if split in store.splits
    }
    observers = [] if observer.training is None else [observer.training(experiment.name)]
    return train(
        student,
        texts["train"],
        objective,
        experiment.training,
        experiment.data.batch,
        callbacks=[
            *run.callbacks(
                store.tokenizer,
                texts.get("validation"),
                store.hash,
                METHOD,
                observer.say,
                observer.trackers,
            ),
            *observers,
            trackers,
        ],
        resume=newest,
    )


def student_network(experiment: Experiment, checkpoint: Checkpoint, device: torch.device) -> nn.Module:
    """Return the student with the weights of a checkpoint, and nothing frozen but what is to stay.

    It is where its teacher is before it is trained too: no step may be left to take.
    """
    seed_torch(experiment.training.seed)
    student = build(experiment.model)
    load_weights(student, checkpoint.weights, f"checkpoint `{checkpoint.path}`")
    return freeze_all_but(student.to(device), settings_of(experiment).train_only)


def settings_of(experiment: Experiment) -> HealConfig:
    """Return the settings of a healing."""
    assert isinstance(experiment.compress, HealConfig)
    return experiment.compress


def layers_to_compare(account: HealAccount, config: HealConfig) -> tuple[tuple[int, int], ...]:
    """Return the pairs of layers whose hidden states are compared."""
    if not config.hidden:
        return ()
    if "layers" not in account:
        message = f"`--hidden {config.hidden}` compares layers, and nobody says which belong together"
        raise SynthError(message, "leave it out, or heal a student that `synth merge-layers` made")
    return tuple(enumerate(account["layers"]))


def refuse_other_teacher(run: Run, teacher: Teacher, account: HealAccount) -> None:
    """Raise where a run would go on with another teacher than it began with."""
    own = Reference.parse(account["teacher"])
    own.refuse_other(teacher.path, teacher.hash, f"the teacher of run `{run.path}`")
