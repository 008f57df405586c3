"""From what a user writes to a run or a checkpoint."""

import shlex
from collections.abc import Collection
from pathlib import Path

from synthcli.atomic_files import UNFINISHED
from synthcli.errors import SynthError, did_you_mean
from synthcli.presets.old_names import preset_now
from synthcli.runs.run import PRESET, Run, runs_root
from synthcli.runs.verbs import STUDENTS, continuation, find_run_verb
from synthcli.training.manifest import LAST, MANIFEST, step_folders

LINKS = (LAST, "best")


def list_runs(root: Path | None = None, name: str | None = None) -> list[Run]:
    """Return the runs there are, the newest first."""
    found = [Run(path.parent) for path in (root or runs_root()).glob(f"*/[0-9]*/{PRESET}")]
    named = (run for run in found if name is None or is_named(run, name))  # a name is no pattern
    return sorted(named, key=lambda run: run.id, reverse=True)


def is_named(run: Run, word: str) -> bool:
    """Whether a word is a run's name, in the spelling of now or of before."""
    return word == run.name or preset_now(word) == preset_now(run.name)


def find_run(word: str | None = None, root: Path | None = None) -> Run:
    """Return a run by its directory, its id, or its preset's name, whose newest it is.

    None is the newest of all.
    """
    runs = list_runs(root)
    for run in runs:
        if word is None or word == run.id or is_named(run, word):
            return run
    if word is not None and (run_there := _run_at(Path(word))) is not None:
        return run_there
    if not runs:
        raise SynthError(f"there are no runs in `{root or runs_root()}`", "`synth train PRESET` makes one")
    raise SynthError(f"unknown run `{word}`", _suggest_run(str(word), runs))


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
        if owner == run.id or is_named(run, owner):
            return pick_checkpoint(run, which or "last")
    if Path(word).exists():
        refuse_file(Path(word))
        return _checkpoint_at(Path(word))
    for run in runs:
        if owner == run.id or is_named(run, owner):
            raise _without_checkpoint(run)
    hint = _suggest_run(word, trained) if trained else "`synth train PRESET` makes a run with one"
    raise SynthError(f"unknown checkpoint `{word}`", hint)


def newest_of(trained: list[Run], root: Path | None, tasks: Collection[str] | None) -> Path:
    """Return the last checkpoint of the newest run whose model is for one of `tasks`."""
    for run in trained:
        if tasks is None or run.task in tasks:
            return pick_checkpoint(run, "last")
    which = f" of a {' or '.join(sorted(tasks))} model" if tasks else ""
    message = f"there is no checkpoint{which} in `{root or runs_root()}`"
    raise SynthError(message, "`synth train PRESET` makes a run with one")


def newest_student(verbs: Collection[str] = STUDENTS, root: Path | None = None) -> Path:
    """Return the last checkpoint of the newest run by which one of the commands made a student."""
    for run in list_runs(root):
        if run.last is not None and find_run_verb(run) in verbs:
            return pick_checkpoint(run, "last")
    message = f"there is no student of a teacher in `{root or runs_root()}`"
    raise SynthError(message, "`synth distill-block --block 0` makes one of the newest encoder")


def pick_checkpoint(run: Run, which: str) -> Path:
    """Return one of a run's checkpoints: `last`, `best` or `step-…`.

    The first two do not hang on their links: a kill may have come before they moved.
    """
    from synthcli.training.checkpoints import best_step

    steps = step_folders(run.checkpoints)
    present: dict[str, Path | None] = {path.name: path for path in steps}
    present |= {"last": steps[-1], "best": best_step(steps) if which == "best" else None}
    path = present.get(which)
    if path is None:
        raise SynthError(f"run `{run.path}` has no checkpoint `{which}`", did_you_mean(which, present))
    return path.resolve()


def refuse_file(path: Path) -> None:
    """Raise for a file where a folder is wanted; `last` and `best` are files on disks without links."""
    if not path.is_file() or path.name in LINKS:
        return
    hint = "name a run, its `checkpoints` folder or a `step-…` folder in it"
    if path.suffix == ".toml":
        hint = f"`{shlex.join(['synth', 'train', str(path)])}` makes a run with one"
    elif (path.parent / MANIFEST).is_file():
        hint = f"name its folder, `{path.parent}`"
    raise SynthError(f"`{path}` is a file, and a checkpoint is a folder", hint)


def _run_at(path: Path) -> Run | None:
    """Return the run in a folder; one that is not whole is refused."""
    try:
        path = path.resolve()
    except (OSError, RuntimeError):  # a link that leads to itself
        return None
    if not (path / PRESET).is_file():
        return None
    if path.name.startswith(UNFINISHED):
        message = f"`{path}` is no run: it is being written, or what a killed process left of one"
        raise SynthError(message, "name another; the next run of that name removes what is left over")
    return Run(path)


def _checkpoint_at(path: Path) -> Path:
    """Return the folder of the checkpoint at a path; of a run, or of its checkpoints, the newest."""
    from synthcli.training.checkpoints import step_folder

    run = _run_at(path.parent if path.name == "checkpoints" else path)
    if run is not None and run.last is None:
        raise _without_checkpoint(run)
    return step_folder(path)


def _without_checkpoint(run: Run) -> SynthError:
    return SynthError(f"run `{run.path}` has no checkpoint yet", continuation(run))


def _suggest_run(word: str, runs: list[Run]) -> str:
    """Return what to write in place of a word that names none of the runs."""
    names = sorted({run.name for run in runs})
    near = did_you_mean(word, [*names, *(run.id for run in runs)])
    return near if near.startswith("did") else did_you_mean(word, names)


def note_unfinished(checkpoint: Path) -> str | None:
    """Say that a checkpoint is of a training that is not complete; None where it is, or nobody knows."""
    run = run_of(checkpoint)
    if run is None or run.is_finished or not run.sessions:
        return None
    steps = run.sessions[-1].get("steps")
    long = f" of {steps:,} steps" if isinstance(steps, int) else ""
    return f"`{checkpoint}` is of a training{long} that is not complete: {continuation(run)}"


def run_of(checkpoint: Path) -> Run | None:
    """Return the run a checkpoint's folder belongs to; a copied one has none."""
    path = checkpoint.resolve().parent.parent
    return Run(path) if (path / PRESET).is_file() else None
