"""What others make of what a killed command left: nothing half made has a name."""

from pathlib import Path

from synthcli.data.store.store import open_store, stores_in, stores_root
from synthcli.evaluation.outputs import read_outputs
from synthcli.presets import load_preset
from synthcli.runs import find_checkpoint, find_run_verb, list_runs
from synthcli.training.checkpoints import load_checkpoint, step_folders
from tests.kill_verbs.contents import CLOCK, Contents

WHOLE_OR_ABSENT = ("out", "exported", "stores")
OTHERS = ("tmp/", "kernels/", "report")  # no results of ours
GONE = " is gone"


def look(verb: str) -> None:
    """Read all that is there as other commands do; raises where that fails."""
    for run in list_runs():
        load_preset(str(run.preset))
        for name, result in run.read_results().items():
            outputs = result.get("outputs")
            if outputs is not None:
                kept = read_outputs(run.results / outputs)[1]
                assert kept == result["samples"], f"`{name}` of `{run.path}` is of other outputs"
        for folder in step_folders(run.checkpoints):
            load_checkpoint(folder).weights  # noqa: B018 - it is read
        if run.path.name not in before(run.name):
            assert find_run_verb(run) == verb, f"`{run.path}` says it is of `synth {find_run_verb(run)}`"
            assert not run.is_finished or run.last is not None, f"`{run.path}` is finished and empty"
        if run.last is not None:
            assert load_checkpoint(find_checkpoint(run.id)).path == run.last.resolve()
    for store in stores_in(stores_root()):
        open_store(store)


def before(name: str) -> list[str]:
    return [path.name for path in Path(".before", name).glob("[0-9]*")]


def halves(expected: Contents, found: Contents, volatile: frozenset[str]) -> list[str]:
    """Return what has a name and is other than at the end, of what no run holds."""
    volatile |= {key for key in expected.keys() | found.keys() if CLOCK.search(key)}
    shown = {key: value for key, value in found.items() if not is_hidden(key) and key not in volatile}
    wrong = [key for key, value in shown.items() if key not in expected or expected[key] != value]
    for name in WHOLE_OR_ABSENT:
        present = {key for key in shown if key.startswith(f"{name}/")}
        wanted = {
            key for key in expected.keys() - volatile if key.startswith(f"{name}/") and not is_hidden(key)
        }
        if present and not any(key.endswith("is gone") for key in present):
            wrong += [f"{key} is missing" for key in wanted - present]
    return sorted(wrong + half_gone(expected, found))


def half_gone(expected: Contents, found: Contents) -> list[str]:
    """Return what a command removes, and of what only a part is gone."""
    wanted = {key for key in expected if key.endswith(GONE) and not key.startswith(OTHERS)}
    folders = {folder_of(key) for key in wanted}
    parts = {folder: {key in found for key in wanted if folder_of(key) == folder} for folder in folders}
    return [f"{folder} is half gone" for folder, present in parts.items() if len(present) > 1]


def folder_of(key: str) -> str:
    """Return the run or the store that a file belongs to; of what is in neither, its outermost folder."""
    depth = {"runs": 3, "stores": 2}.get(key.partition("/")[0], 1)
    return "/".join(key.split("/")[:depth])


def is_hidden(key: str) -> bool:
    path = key.partition("#")[0]
    return any(part.startswith(".") for part in path.split("/")) or path.startswith(OTHERS)
