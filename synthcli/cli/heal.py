"""`synth heal`: train a compressed model as a whole towards its teacher."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import choose_student
from synthcli.cli.completion import complete_runs, make_completer
from synthcli.cli.compress_flags import CORPUS, MAX_LENGTH, SEED, SOURCE, flag, takes
from synthcli.cli.compress_options import AsJson, Preset, Scale
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import tell_how_to_resume
from synthcli.cli.panels import MODEL, RESULT, TEXT, TRAINING
from synthcli.cli.presets import Config, Set
from synthcli.cli.run_options import RunName, Track
from synthcli.errors import SynthError
from synthcli.presets.merge import Tree, values_of

if TYPE_CHECKING:
    from synthcli.jobs.compress.report_types import HealAccount
    from synthcli.jobs.train import Trained

Checkpoint = Annotated[
    str | None,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A student: a run, its id, its name, or a folder.",
        show_default="the newest",
        autocompletion=make_completer(complete_runs),
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue a healing that is not complete.", rich_help_panel=RESULT)
]

FLAGS = {
    "teacher": flag(
        "teacher",
        str,
        "A run, id, preset, checkpoint or folder.",
        MODEL,
        shown="whose student it is",
        words=complete_runs,
    ),
    "steps": flag("steps", int, "Training steps.", TRAINING, min=1, shown="1,000"),
    "lr": flag("learning_rate", float, "Peak learning rate.", TRAINING, "--lr", min=1e-9, shown="1e-4"),
    "batch_size": flag("batch_size", int, "Sequences of a step.", TRAINING, min=1, shown="the preset's"),
    "train_only": flag(
        "train_only",
        list[str],
        "Parameters that learn, such as `encoder.blocks.2.*`; repeatable.",
        TRAINING,
        metavar="PATTERN",
    ),
    "hidden": flag(
        "hidden", float, "Of the error of hidden states, layer by layer.", TRAINING, metavar="WEIGHT", min=0
    ),
    "temperature": flag("temperature", float, "Divides the logits of both.", TRAINING, min=1e-3, shown="1"),
    "plain": flag("plain", bool, "Mask no tokens, though the model was trained so.", TEXT),
    "corpus": CORPUS,
    "source": SOURCE,
    "max_length": MAX_LENGTH,
    "seed": SEED,
}

# figures of a healing, and their columns: of models that predict, and of encoders without a head
PREDICTED = ("divergence", "agreement", "KL, nats", "same top-1 token")
HIDDEN = ("cosine", "neighbours", "cosine of hidden states", "same neighbour")


@takes(**FLAGS)
def heal(
    settings: Tree,
    checkpoint: Checkpoint = None,
    preset: Preset = None,
    scale: Scale = None,
    config: Config = None,
    set_: Set = None,
    name: RunName = None,
    track: Track = None,
    resume: Resume = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Train a student towards its teacher's distribution at every position.

    Examples:

    ```
    synth heal
    synth heal RUN --hidden 0.5 --steps 2000
    synth heal RUN --train-only "encoder.blocks.2.*"
    synth heal --resume
    ```
    """
    from synthcli.cli.train import TrainingScreen, chosen_trackers
    from synthcli.jobs.compress import heal as job
    from synthcli.presets.compression import load_compression
    from synthcli.runs import MADE
    from synthcli.runs.naming import refuse_run_name

    if resume and (settings.keys() - {"teacher"} or preset or scale or config or set_ or name):
        message = "`--resume` goes on with the run's own settings, and others are given"
        raise SynthError(message, "leave them out, or begin anew without `--resume`")
    refuse_run_name(name)
    teacher = str(values_of(settings)["teacher"]) if resume and settings else None
    trackers = chosen_trackers(track)
    if checkpoint is None and not resume:
        checkpoint = str(choose_student(None, MADE, "the newest student that is not healed"))
    asked = load_compression("heal", preset, scale, config, set_ or (), settings)
    with (
        tell_how_to_resume("heal"),
        TrainingScreen(checkpoint or "healing", trackers) as observer,
        screen.show_lost_result(lambda lost: show_healing(lost, as_json)),
    ):
        if resume:
            trained = job.resume(checkpoint, observer, teacher)
        else:
            trained = job.run(job.prepare(asked.config, checkpoint or "", observer, name), observer)
    elsewhere = ["--teacher", teacher] if teacher else []
    report_healing(trained, as_json, elsewhere)


def report_healing(trained: "Trained", as_json: bool, elsewhere: Sequence[str] = ()) -> None:
    """Say how near student and teacher have come; an interrupted run ends the command."""
    from synthcli.cli.train import stop_after_saved_step
    from synthcli.jobs.compress.layer_matching import account_of
    from synthcli.runs.verbs import tracker_words

    outcome, run = trained.outcome, trained.run
    account = account_of(run.checkpoints / "last")
    if outcome is not None and outcome.is_interrupted:
        raise stop_after_saved_step("heal", outcome, run.path, *elsewhere, *tracker_words(run))
    show_healing({**account, "run": str(run.path)}, as_json)
    if not as_json:
        screen.say(f"wrote `{run.path / 'checkpoints' / 'last'}`")
        screen.say(f"next: `synth eval teacher-agreement {run.path}`")


def show_healing(account: "HealAccount", as_json: bool) -> None:
    """Print how near student and teacher were, and are."""
    if as_json:
        return screen.data(json.dumps(account, indent=2, ensure_ascii=False))
    before, after = account["before"], account["after"]
    first, second, *names = HIDDEN if "cosine" in before else PREDICTED
    rows = [
        [word, f"{near[first]:.4f}", f"{near[second]:.1%}", f"{near['positions']:,}"]
        for word, near in (("before", before), ("after", after))
    ]
    columns = ["", *names, "positions"]
    return screen.table("plain text held out", columns, rows, right=frozenset({1, 2, 3}))
