"""Removing runs: never what a process works in, and nothing that others point to without saying it.

A run is moved aside before its files go. What a kill leaves of it is no run, is listed as left over, and goes
with the next run of the name, or with `synth runs rm --leftovers`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from synthcli import atomic_files
from synthcli.disk import WAIT, count_bytes, not_removed, remove_here
from synthcli.errors import SynthError, WorkFailedError, did_you_mean
from synthcli.runs.inventory import RECORDINGS, Found, look_at, look_through, uses_of
from synthcli.runs.run import PRESET, Run, runs_root

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Removal(Generic[Thing]):
    """What is to go, how large it is, and who will miss it."""

    found: Thing
    bytes: int
    notes: tuple[str, ...] = ()


def plan_removal(words: Sequence[str], leftovers: bool = False) -> list[Removal[Found]]:
    """Return what words name, and what killed processes left; raise for what is in use, or is not ours."""
    there = look_through(runs_root())
    chosen = {one.path: one for word in words for one in [find_run(word, there)]}
    if leftovers:
        chosen |= {one.path: one for one in there if one.kind == "leftover" and not one.is_in_use}
    return [plan_one(one, beside(one, there), set(chosen)) for one in chosen.values()]


def beside(one: Found, there: Sequence[Found]) -> Sequence[Found]:
    """Return what lies in the folder of runs of one, which a path may name elsewhere."""
    root = one.path.resolve().parent.parent
    is_here = runs_root().resolve() in (root, root / one.path.resolve().parent.name)
    return there if is_here else look_through(root)


def plan_one(one: Found, there: Sequence[Found], chosen: set[Path]) -> Removal[Found]:
    """Return the removal of one thing; raise where it may not go."""
    refuse_run_removal(one, there)
    return Removal(one, count_bytes(one.path), tuple(note_references(one, there, chosen)))


def find_run(word: str, there: Sequence[Found]) -> Found:
    """Return what a word names: a run's id, its path, or a name that only one run has."""
    path = Path(word)
    named = [one for one in there if word in (one.path.name, f"{one.path.parent.name}/{one.path.name}")]
    named = named or [one for one in there if path.exists() and one.path.samefile(path)]
    named = named or [one for one in there if one.kind in ("run", "damaged") and one.run.name == word]
    if len(named) > 1:
        ids = ", ".join(f"`{one.path.name}`" for one in named)
        raise SynthError(f"`{word}` names {len(named)} runs", f"name one by its id: {ids}")
    if named:
        return named[0]
    if (path / PRESET).is_file():  # of another folder of runs
        return look_at(path)
    runs = [one.run for one in there if one.kind in ("run", "damaged")]
    if not runs:
        raise SynthError(f"there are no runs in `{runs_root()}`", "`synth train PRESET` makes one")
    known = [*(run.name for run in runs), *(run.id for run in runs)]
    raise SynthError(f"unknown run `{word}`", did_you_mean(word, dict.fromkeys(known)))


def refuse_run_removal(one: Found, there: Sequence[Found]) -> None:
    """Raise where something is in use, by its own writer or by a run that reads it, or is no run."""
    if one.kind == "foreign":
        raise SynthError(f"`{one.path}` is no run, and not removed", "remove it yourself if it is yours")
    if one.is_in_use:
        raise SynthError(f"`{one.path}` is in use: a process writes to it", WAIT)
    for use in uses_of(one.run, there):
        if use.by.is_in_use:
            raise SynthError(f"`{one.path}` is in use: it is the {use.role} of `{use.by.path}`", WAIT)
    for other in there:
        if other.path.name.startswith(RECORDINGS) and other.is_in_use and one.kind == "run":
            message = f"`{one.path}` may be in use: a model is being compressed, in `{other.path}`"
            raise SynthError(message, WAIT)


def note_references(one: Found, there: Sequence[Found], chosen: set[Path]) -> list[str]:
    """Return a line for each run that stays and points to one that goes."""
    return [
        f"`{one.path}` is the {use.role} of `{use.by.path}` ({use.by.state})"
        for use in uses_of(one.run, there)
        if use.by.path not in chosen
    ]


def remove(removal: Removal[Found]) -> None:
    """Remove one thing, whole or not at all under its name."""
    path = removal.found.path
    try:
        if removal.found.kind == "leftover":
            with atomic_files.hold_lock(path):
                remove_here(path)
        else:
            with Run(path).lock():
                atomic_files.remove_folder(path)
    except BlockingIOError as error:
        raise SynthError(f"`{path}` is in use: a process writes to it", WAIT) from error
    except (OSError, WorkFailedError) as error:  # the latter of its lock
        raise not_removed(error, path, ("runs", "SYNTH_RUNS"), path.parent.parent, runs_root()) from error
    if path.parent.resolve() != runs_root().resolve():
        with suppress(OSError):  # other runs of the name
            path.parent.rmdir()
