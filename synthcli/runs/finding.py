"""From what a user writes to a run or a checkpoint."""

from collections.abc import Collection
from pathlib import Path

from synthcli.durable import followed
from synthcli.errors import SynthError, did_you_mean
from synthcli.runs.run import PRESET, Run, runs_root


def list_runs(root: Path | None = None, name: str | None = None) -> list[Run]:
    """Return the runs there are, the newest first."""
    found = (root or runs_root()).glob(f"{name or '*'}/[0-9]*/{PRESET}")
    return sorted((Run(path.parent) for path in found), key=lambda run: run.id, reverse=True)


def find_run(word: str | None = None, root: Path | None = None) -> Run:
    """Return a run by its directory, its id, or its preset's name, whose newest it is.

    None is the newest of all.
    """
    runs = list_runs(root)
    for run in runs:
        if word in (None, run.id, run.name):
            return run
    if word is not None and (Path(word) / PRESET).is_file():
        return Run(Path(word).resolve())
    if not runs:
        raise SynthError(f"there are no runs in `{root or runs_root()}`", "`synth train PRESET` makes one")
    raise SynthError(f"unknown run `{word}`", did_you_mean(str(word), words_for(runs)))


def find_checkpoint(
    word: str | None = None, root: Path | None = None, tasks: Collection[str] | None = None
) -> Path:
    """Return the folder of a checkpoint.

    `word` is a run's id, a preset's name, of which the newest run with a checkpoint counts, either followed
    by `/best` or `/step-…` where it is not the last; or a path. None is the newest for one of `tasks`.
    """
    runs = list_runs(root)
    trained = [run for run in runs if run.last is not None]
    if word is None:
        return newest_of(trained, root, tasks)
    owner, _, which = word.partition("/")
    for run in trained:
        if owner in (run.id, run.name):
            return named(run, which or "last")
    if Path(word).exists():
        from synthcli.training.checkpoints import step_folder

        return step_folder(Path(word))
    for run in runs:
        if owner in (run.id, run.name):
            hint = "`synth train … --resume` continues it to its first checkpoint"
            raise SynthError(f"run `{run.path}` has no checkpoint yet", hint)
    hint = did_you_mean(word, words_for(trained)) if trained else "`synth train PRESET` makes a run with one"
    raise SynthError(f"unknown checkpoint `{word}`", hint)


def newest_of(trained: list[Run], root: Path | None, tasks: Collection[str] | None) -> Path:
    """Return the last checkpoint of the newest run whose model is for one of `tasks`."""
    for run in trained:
        if tasks is None or run.task in tasks:
            return named(run, "last")
    which = f" of a {' or '.join(sorted(tasks))} model" if tasks else ""
    message = f"there is no checkpoint{which} in `{root or runs_root()}`"
    raise SynthError(message, "`synth train PRESET` makes a run with one")


def named(run: Run, which: str) -> Path:
    """Return one of a run's checkpoints: `last`, `best` or `step-…`."""
    path = followed(run.checkpoints / which)
    if not path.exists():
        present = [path.name for path in run.checkpoints.iterdir() if not path.name.startswith(".")]
        raise SynthError(f"run `{run.path}` has no checkpoint `{which}`", did_you_mean(which, present))
    return path.resolve()


def words_for(runs: list[Run]) -> list[str]:
    return list(dict.fromkeys([*(run.name for run in runs), *(run.id for run in runs)]))


def run_of(checkpoint: Path) -> Run | None:
    """Return the run a checkpoint's folder belongs to; a copied one has none."""
    path = checkpoint.resolve().parent.parent
    return Run(path) if (path / PRESET).is_file() else None
