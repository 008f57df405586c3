"""What lies in a folder of runs: runs, what is damaged or left over, and what is not ours.

Looking changes nothing, and nothing that lies there makes it fail.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from synthcli.atomic_files import UNFINISHED, is_in_use
from synthcli.errors import SynthError
from synthcli.presets.files import read_toml
from synthcli.runs.experiments import START, TEACHER, TOKENIZER, reference_in
from synthcli.runs.run import ENVIRONMENT, FINISHED, LOCK, PRESET, Run
from synthcli.runs.verbs import RESULT, find_run_verb
from synthcli.training.manifest import read_checkpoint_manifest

Kind = Literal["run", "damaged", "leftover", "foreign"]
OURS = (PRESET, ENVIRONMENT, "journal.jsonl", "checkpoints")  # what shows that a folder is, or was, a run
FILES = (ENVIRONMENT, FINISHED, "journal.jsonl", "timings.jsonl")
RECORDINGS = ".activations-"  # of a compression under way, or of one that was killed
IN_USE = "in use"
ROLES = {TEACHER: "teacher", START: "start", TOKENIZER: "tokenizer"}


@dataclass(frozen=True)
class Found:
    """Something in a folder of runs; `state` says how far a run is, or what is wrong."""

    path: Path
    kind: Kind
    state: str

    @property
    def run(self) -> Run:
        return Run(self.path)

    @property
    def is_in_use(self) -> bool:
        return self.state.startswith(IN_USE)


def look_through(root: Path) -> list[Found]:
    """Return what lies in a folder of runs, the newest run first, then the rest by name."""
    found = [one for path in _inside(root) for one in _in_folder(path)]
    runs = sorted((one for one in found if _is_run(one)), key=lambda one: one.path.name, reverse=True)
    return [*runs, *(one for one in found if not _is_run(one))]


def _is_run(one: Found) -> bool:
    return one.kind in ("run", "damaged")


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _in_folder(folder: Path) -> Iterator[Found]:
    """Yield what lies in the folder of a name; one without a run is foreign as a whole."""
    if folder.name.startswith((UNFINISHED, RECORDINGS)):
        yield look_at(folder)
        return
    try:
        found = [look_at(path) for path in _inside(folder)]
    except OSError as error:
        found = [Found(folder, "foreign", f"cannot be read: {error.strerror}")]
    if not found or all(one.kind == "foreign" for one in found):
        found = [Found(folder, "foreign", "no run" if folder.is_dir() else "a file")]
    yield from found


def look_at(path: Path) -> Found:
    """Return what one folder is."""
    if path.name.startswith((UNFINISHED, RECORDINGS)):
        return Found(path, "leftover", IN_USE if is_in_use(path) else "left over")
    is_ours = path.is_dir() and any((path / name).exists() for name in OURS)
    if path.is_symlink() or not (is_ours and path.name[0].isdigit()):
        return Found(path, "foreign", "no run" if path.is_dir() else "a file")
    run = Run(path)
    try:
        state = _state_of(run)
    except SynthError as error:
        return Found(path, "damaged", f"{_writer(run)}damaged: {error.message}")
    except OSError as error:
        return Found(path, "damaged", f"{_writer(run)}damaged: {error.strerror or error}")
    return Found(path, "run", _writer(run) + state)


def _writer(run: Run) -> str:
    """Say that a process writes to a run, where one does."""
    return f"{IN_USE}, " if is_in_use(run.path / LOCK) else ""


def _state_of(run: Run) -> str:
    """Say how far a run is; raise where it is damaged."""
    for name in FILES:
        if os.path.lexists(run.path / name) and not (run.path / name).is_file():
            raise SynthError(f"`{name}` is no file")
    if not run.preset.is_file():
        raise SynthError(f"it has no `{PRESET}`")
    read_toml(run.preset)
    steps = next((one.get("steps") for one in reversed(run.sessions)), None)
    last = run.last
    if last is None:
        if run.is_finished:
            raise SynthError("it is complete, and has no checkpoint")
        return "no checkpoint"
    step = refuse_incomplete_checkpoint(last)
    if not run.is_finished:
        return f"step {step:,} of {steps:,}" if isinstance(steps, int) else f"step {step:,}"
    is_compared = find_run_verb(run) != "heal" or "after" in run.read_results().get(RESULT, {})
    return "complete" if is_compared else f"step {step:,}, not compared"


def refuse_incomplete_checkpoint(checkpoint: Path) -> int:
    """Return the step of a checkpoint; raise where a file is missing or of another size than it should be."""
    manifest = read_checkpoint_manifest(checkpoint)
    for name, file in manifest.files.items():
        path = checkpoint / name
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise SynthError(f"`{name}` of checkpoint `{checkpoint.name}` is missing or cut short")
    return manifest.step


class RunFacts(TypedDict):
    """What a run says of itself; null is what cannot be read."""

    command: str | None
    corpus: str | None
    started: str | None


def describe_run(one: Found) -> RunFacts:
    """Return what a run says of itself, as far as it can be read: command, corpus, when it began."""
    if one.kind != "run":
        return {"command": None, "corpus": None, "started": None}
    run = one.run
    data = read_toml(run.preset).get("data")
    corpus = data.get("corpus") if isinstance(data, dict) else None
    started = next((session.get("time") for session in run.sessions), None)
    return {"command": find_run_verb(run), "corpus": corpus, "started": started}


@dataclass(frozen=True)
class Use:
    """A run that points to another: as its teacher, its start or its tokenizer."""

    by: Found
    role: str


def uses_of(target: Run, found: Sequence[Found]) -> list[Use]:
    """Return which of the runs found point to a run, and as what."""
    return [
        Use(one, role)
        for one in found
        if one.kind == "run" and one.path != target.path
        for role in _roles(one.run, target)
    ]


def read_ingredients(run: Run) -> dict[str, str]:
    """Return what a preset names a run is made of, by key: teacher, start, tokenizer."""
    preset, named = read_toml(run.preset), {}
    for key in ROLES:
        value: object = preset
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            named[key] = value
    return named


def _roles(run: Run, target: Run) -> Iterator[str]:
    """Yield what a run has another for."""
    inside = target.path.resolve()
    for key, word in read_ingredients(run).items():
        reference = reference_in(run, key, word)
        if reference is None:
            continue
        place = Path(reference.absolute)
        if reference.run == target.id or (place.is_absolute() and place.is_relative_to(inside)):
            yield ROLES[key]
