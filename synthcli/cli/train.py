"""`synth train`: train presets, one after the other."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import complete_runs, list_presets, make_completer
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import find_begun_runs, same_command, tell_how_to_resume
from synthcli.cli.panels import RESULT, SETTINGS, WORK
from synthcli.cli.presets import Config, Scale, Set
from synthcli.cli.run_options import RunName, Track
from synthcli.cli.source_option import Source
from synthcli.device import device_words, refuse_few_gpus, refuse_one_of_several
from synthcli.errors import Stopped, SynthError
from synthcli.variables import LARGEST_SEED

if TYPE_CHECKING:
    from synthcli.cli.training_progress import TrainingProgress
    from synthcli.jobs.train import Observer, Trained
    from synthcli.jobs.warm_start import LoadReport
    from synthcli.presets.schema import Experiment
    from synthcli.runs import Run
    from synthcli.training.loop import Outcome

Presets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PRESET...",
        help="Names, or paths of TOML files.",
        autocompletion=make_completer(list_presets, complete_runs),
    ),
]
OnlyPlan = Annotated[
    bool,
    typer.Option(
        "--only-plan", help="Print steps, parameters and cost; train nothing.", rich_help_panel=RESULT
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="As --only-plan, with the rows and pieces of the store at hand.",
        rich_help_panel=RESULT,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Continue the newest run of each preset that is not complete.", rich_help_panel=WORK
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0, max=LARGEST_SEED, help="The same as --set training.seed=N.", rich_help_panel=SETTINGS
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        min=1, help="Processes on this machine, one a GPU or a share of cores.", rich_help_panel=WORK
    ),
]


def train(
    presets: Presets = None,
    scale: Scale = None,
    config: Config = None,
    set_: Set = None,
    source: Source = None,
    seed: Seed = None,
    name: RunName = None,
    track: Track = None,
    resume: Resume = False,
    only_plan: OnlyPlan = False,
    dry_run: DryRun = False,
    processes: Processes = 1,
    device: Device = "auto",
) -> None:
    """Train what presets describe.

    Examples:

    ```
    synth train wmt14-dense --scale smoke
    synth train wmt14-vanilla wmt14-random --set data.corpus=multi30k
    synth train --resume
    synth train agnews-vanilla --source a.csv --set data.corpus=csv:label=mood
    ```
    """
    overrides = [*(set_ or ()), *shorthands(source, seed)]
    refuse_unused_name(name, presets or [], makes_none=resume or only_plan or dry_run)
    trackers = chosen_trackers(track, trains=not (only_plan or dry_run))
    if only_plan or dry_run:
        return show_training_plan(presets, scale, config, overrides, with_store=dry_run)
    if not presets and not resume:
        raise SynthError("no preset is named", "list them with `synth presets ls`, or resume with `--resume`")
    if processes > 1:
        refuse_one_of_several(device, processes)
        return in_processes(processes, presets if not resume else None, scale, config, overrides)
    words: list[str | None] = [*presets] if presets else [None]
    experiments = [
        None if resume else read_preset_early(word or "", scale, config, overrides, name) for word in words
    ]
    trained = []
    for number, (word, experiment) in enumerate(zip(words, experiments, strict=True), start=1):
        done = (presets or [])[:number]
        then = same_command(done) if number < len(words) else ""
        with tell_how_to_resume("train", done=done[:-1], then=then):
            if experiment:
                trained.append(one(experiment, trackers))
            else:
                trained.append(resume_training(word, scale, config, overrides, trackers))
    metric = trained[-1].experiment.evaluation.metrics[0]
    command = shlex.join(["synth", "eval", metric, str(trained[-1].run.path)])
    return screen.say(f"next: `{command}`")


def refuse_unused_name(name: str | None, presets: list[str], makes_none: bool) -> None:
    """Raise where there is not one new run to be called so."""
    from synthcli.runs.naming import refuse_run_name

    if name is not None and makes_none:
        raise SynthError(
            f"`--name {name}` is for a new run, and none is made", "leave it out, or the option beside it"
        )
    if name is not None and len(presets) > 1:
        raise SynthError(
            f"`--name {name}` is for one run, and {len(presets)} presets are named", "train them one by one"
        )
    refuse_run_name(name, next(iter(presets), None))


def chosen_trackers(track: list[str] | None, trains: bool = True) -> tuple[str, ...]:
    """Return the trackers named; raise for what cannot be told."""
    from synthcli.runs.trackers import refuse_trackers

    if track and not trains:
        raise SynthError(f"`--track {track[0]}` is for a training, and none is made", "leave it out")
    return refuse_trackers(track)


def shorthands(source: Path | None, seed: int | None) -> list[str]:
    """Return the overrides that short options stand for."""
    from synthcli.presets.dumping import write_toml_value

    named = [] if source is None else [f"data.source={write_toml_value(str(source))}"]
    return named if seed is None else [*named, f"training.seed={seed}"]


def show_training_plan(
    presets: list[str] | None, scale: str | None, config: Path | None, overrides: list[str], with_store: bool
) -> None:
    """Show the plan of presets; with a store, of what it really holds."""
    from synthcli.cli.plan import plan as show_plan

    if not presets:
        raise SynthError("no preset is named", "list them with `synth presets ls`")
    if not with_store:
        return show_plan(presets, scale, config, overrides)
    from synthcli.cli.plan import show_plans
    from synthcli.jobs.train import plan_with_store
    from synthcli.presets import load_preset

    experiments = [load_preset(preset, scale, config, overrides) for preset in presets]
    return show_plans([plan_with_store(experiment) for experiment in experiments])


def in_processes(
    processes: int, presets: list[str] | None, scale: str | None, config: Path | None, overrides: list[str]
) -> None:
    """Prepare the stores once, then train in several processes."""
    from synthcli.cli.processes import launch
    from synthcli.jobs.train import fit_to_store
    from synthcli.presets import load_preset
    from synthcli.runs import list_runs

    refuse_few_gpus(processes, screen.say)
    for preset in presets or ():
        with TrainingScreen(preset) as observer:
            fit_to_store(load_preset(preset, scale, config, overrides), observer)
    there_before = set(list_runs())
    with tell_how_to_resume("train", f" --processes {processes}"):
        launch(processes, lambda setting: how_to_go_on(processes, find_begun_runs(there_before), setting))


def how_to_go_on(processes: int, begun: "Sequence[Run]", setting: str = "") -> str:
    """Say how a training of several processes is continued that one of them ended, for want of a setting."""
    more = ["--set", setting] if setting else []
    does = "reads fewer examples at once" if setting else ""
    if begun:
        words = ["--resume", str(begun[0].path), *more, "--processes", str(processes), *device_words()]
        does = f"{does}, and goes on" if does else "goes on"
        return f"`{shlex.join(['synth', 'train', *words])}` {does} after its last checkpoint"
    if setting:
        return f"`{same_command()} {shlex.join(more)}` {does}"
    return "the same command again begins anew, or goes on where it has `--resume`"


def read_preset_early(
    preset: str, scale: str | None, config: Path | None, overrides: list[str], name: str | None
) -> "Experiment":
    """Read a preset, all before any is trained: a mistake in the last is told at once, and without torch."""
    from synthcli.presets import load_preset

    return load_preset(preset, scale, config, overrides).with_name(name)


def one(experiment: "Experiment", trackers: tuple[str, ...] = ()) -> "Trained":
    """Train one preset."""
    from synthcli.jobs.train import train_experiment

    with TrainingScreen(experiment.name, trackers) as observer:
        trained = train_experiment(experiment, observer)
    report_training(trained)
    return trained


def resume_training(
    word: str | None,
    scale: str | None,
    config: Path | None,
    overrides: list[str],
    trackers: tuple[str, ...] = (),
) -> "Trained":
    """Resume one run, as the preset is now where one is named with settings or as a file.

    Settings beside a run itself are of the preset that it keeps.
    """
    from synthcli.jobs.train import resume_run, run_to_resume
    from synthcli.presets import load_preset, preset_names

    run = run_to_resume(word)
    is_asked = bool(scale or config or overrides) or (word is not None and word.endswith(".toml"))
    is_preset = word is not None and (word.endswith(".toml") or word in preset_names())
    preset = word if word is not None and is_preset else str(run.preset)
    experiment = load_preset(preset, scale, config, overrides) if is_asked else None
    with TrainingScreen(run.name, trackers) as observer:
        trained = resume_run(run, experiment, observer)
    report_training(trained)
    return trained


class TrainingScreen:
    """Shows a training, and leaves the terminal as it was: `with TrainingScreen(name) as observer`."""

    def __init__(self, name: str, trackers: tuple[str, ...] = ()) -> None:
        self.name, self.trackers = name, trackers

    def __enter__(self) -> "Observer":
        from synthcli.cli.preparing_progress import PreparationBar
        from synthcli.cli.training_progress import TrainingProgress
        from synthcli.jobs.train import Observer

        self.trainings: list[TrainingProgress] = []
        self.progress_of = TrainingProgress
        self.preparing = screen.progress(is_transient=True)
        self.preparing.start()
        reporter = PreparationBar(self.preparing, self.name)
        return Observer(self._say, reporter, show_loaded, self._train, self.trackers)

    def _train(self, name: str) -> "TrainingProgress":
        self.preparing.stop()
        self.trainings.append(self.progress_of(name))
        return self.trainings[-1]

    def _say(self, line: str) -> None:
        self.preparing.stop()
        screen.say(line)

    def __exit__(self, *error: object) -> None:
        self.preparing.stop()
        for training in self.trainings:
            training.close()


def show_loaded(report: "LoadReport") -> None:
    """Say what became of a checkpoint's tensors."""
    for line in report.lines():
        screen.say(line)


def report_training(trained: "Trained") -> None:
    """Say how a training ended and what it wrote; an interrupted one ends the command."""
    from synthcli.runs.verbs import tracker_words

    outcome, path = trained.outcome, trained.run.path
    if outcome is None:
        return
    if outcome.is_interrupted:
        raise stop_after_saved_step("train", outcome, path, *tracker_words(trained.run))
    where = f"step {outcome.step:,} of {outcome.steps:,}"
    loss = "" if outcome.evaluation is None else f", validation loss {outcome.evaluation.loss:.4f}"
    screen.say(f"wrote `{path / 'checkpoints' / 'last'}` ({where}, {outcome.precision}{loss})")


def stop_after_saved_step(verb: str, outcome: "Outcome", path: Path, *more: str) -> Stopped:
    """Return how an interrupted training goes on: it ended after a step, which is saved."""
    command = shlex.join(["synth", verb, "--resume", str(path), *more, *device_words()])
    return Stopped(f"step {outcome.step:,} of {outcome.steps:,} is saved", command, "goes on after it")
