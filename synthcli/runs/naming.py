"""The name that a user gives a run: the folder it stands in, and a word for it everywhere."""

import re
from pathlib import Path

from synthcli.atomic_files import UNFINISHED
from synthcli.errors import SynthError
from synthcli.presets.files import NAME_PATTERN, library_files
from synthcli.runs.finding import list_runs
from synthcli.runs.run import is_main_process, runs_root
from synthcli.runs.verbs import continuation

LONGEST = 100  # bytes: other names are made of it, and a folder's has at most 255
CHOOSE = "letters, digits, `.`, `_` and `-`, a letter or a digit first: `--name dense-seed-1`"


def refuse_run_name(name: str | None, own: str | None = None) -> None:
    """Raise where a new run cannot have a name; `own` is that of its preset, which others may not have."""
    if name is None:
        return
    shown = name if len(name) <= LONGEST else f"{name[:LONGEST]}…"
    if not name:
        raise SynthError("`--name` is empty", CHOOSE)
    if not re.fullmatch(NAME_PATTERN.removesuffix("$"), name) or name.endswith(".toml"):
        raise SynthError(f"`--name {shown}` cannot name a run", CHOOSE)
    if len(name) > LONGEST:
        raise SynthError(f"`--name {shown}` is longer than {LONGEST} characters", "choose a shorter one")
    if name != own and name in library_files():
        raise SynthError(f"`--name {name}` is the name of a preset, and would pass for a run of it", CHOOSE)
    if is_main_process():  # of several processes the main one alone makes the run
        _refuse_taken(name, runs_root() / name)


def _refuse_taken(name: str, folder: Path) -> None:
    """Raise where a run, or something else, has a name; what killed commands left does not count."""
    runs = [run for run in list_runs() if name in (run.name, run.id)]
    if runs:
        goes_on = "" if runs[0].is_finished else f"; {continuation(runs[0])}"
        raise SynthError(f"`--name {name}` is taken by run `{runs[0].path}`", f"choose another name{goes_on}")
    is_left = folder.is_dir() and all(path.name.startswith(UNFINISHED) for path in folder.iterdir())
    if folder.exists() and not is_left:
        raise SynthError(f"`--name {name}` is taken: `{folder}` is there", "choose another name")
