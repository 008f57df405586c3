"""Experiment trackers of a run: which there are, where each writes, and how it goes on with a resumed run.

Each writes on this machine unless its own variables say otherwise: TensorBoard and Weights & Biases into the
run, MLflow beside the runs, Trackio where it keeps all its projects.
"""

import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from synthcli.errors import SynthError, did_you_mean
from synthcli.presets.compare import flat
from synthcli.progress import Say
from synthcli.runs.run import Run, is_main_process, runs_root

if TYPE_CHECKING:
    from synthcli.training.tracking import TrackerClient, Tracking

PROJECT = "synth"
RUN_TAG = "synth.run"  # of MLflow: by which a run is found again
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}
FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"  # without it MLflow wants a database


def refuse_trackers(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return trackers by name, each once; raise for one that is unknown, or whose package is missing."""
    chosen = tuple(dict.fromkeys(names or ()))
    for name in chosen:
        if name not in TRACKERS:
            raise SynthError(f"unknown tracker `{name}`", did_you_mean(name, TRACKERS))
        if importlib.util.find_spec(name) is None:
            raise SynthError(
                f"`--track {name}` needs the package `{name}`", f"`pip install 'synthcli[{name}]'`"
            )
    return chosen


def start_tracking(run: Run, names: Sequence[str], say: Say) -> "Tracking":
    """Return the trackers of a run, to be told of its training; of several processes the main one tells."""
    from synthcli.training.tracking import Tracker, Tracking

    if not names or not is_main_process():
        return Tracking([], (), {}, say)
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    known = {name for session in run.sessions for name in session.get("trackers", ())}
    trackers = [Tracker(name, partial(TRACKERS[name], run), name in known) for name in names]
    return Tracking(trackers, (run.journal, run.timings), configuration_of(run), say)


def configuration_of(run: Run) -> dict[str, object]:
    """Return the settings of a run by dotted key, as far as a tracker takes them, and which run it is."""
    preset = run.record.get("preset")
    settings = flat(preset) if isinstance(preset, dict) else {}
    plain = {
        key: value if isinstance(value, str | int | float) else str(value)
        for key, value in settings.items()
        if value is not None
    }
    return {**plain, "run": run.id, "command": run.record.get("verb", "train")}


def _tensorboard(run: Run, step: int, is_known: bool) -> "TrackerClient":
    """Return a writer of event files; those after the step, of a session that was killed, count no more."""
    from accelerate.tracking import TensorBoardTracker

    purge = {"purge_step": step + 1} if is_known else {}
    return TensorBoardTracker("tensorboard", run.path, **purge)


def _wandb(run: Run, step: int, is_known: bool) -> "TrackerClient":
    """Return a run of Weights & Biases by our id, on this machine unless `WANDB_MODE` says otherwise."""
    from accelerate.tracking import WandBTracker

    return WandBTracker(
        os.environ.get("WANDB_PROJECT", PROJECT),
        id=run.id,
        name=_title_run(run),
        resume="allow",
        dir=str(run.path),
        mode=os.environ.get("WANDB_MODE", "offline"),
        settings={"console": "off", "x_disable_stats": True, "x_disable_meta": True, "disable_git": True},
    )


def _mlflow(run: Run, step: int, is_known: bool) -> "TrackerClient":
    """Return a run of MLflow, known by its tag, beside the runs unless `MLFLOW_TRACKING_URI` says where."""
    if "MLFLOW_TRACKING_URI" not in os.environ:
        os.environ.setdefault(FILE_STORE, "true")
    import mlflow
    from accelerate.tracking import MLflowTracker

    if "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri((runs_root() / "mlflow").absolute().as_uri())
    client, experiment = mlflow.MlflowClient(), os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    found = client.get_experiment_by_name(experiment) if is_known else None
    runs = client.search_runs([found.experiment_id], f"tags.`{RUN_TAG}` = '{run.id}'") if found else []
    own = runs[0].info.run_id if runs else None
    return MLflowTracker(experiment, run_id=own, run_name=_title_run(run), tags={RUN_TAG: run.id})


def _trackio(run: Run, step: int, is_known: bool) -> "TrackerClient":
    """Return a run of Trackio by our name for it."""
    import trackio
    from accelerate.tracking import TrackioTracker

    class Quiet(TrackioTracker):  # type: ignore[misc]  # Accelerate has no types
        """Its own way to finish, which finishes no second time when Python ends."""

        def finish(self) -> None:
            trackio.finish()

    off = {"embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
    return Quiet(PROJECT, name=_title_run(run), resume="allow", **off)


TRACKERS: "dict[str, Callable[[Run, int, bool], TrackerClient]]" = {
    "tensorboard": _tensorboard,
    "trackio": _trackio,
    "wandb": _wandb,
    "mlflow": _mlflow,
}


def _title_run(run: Run) -> str:
    return f"{run.name}-{run.id}"
