"""Runs in words and figures: what lies there, and what one of them is made of, came to and is used for."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthcli.data.store.store import find_store_by_hash, stores_root
from synthcli.disk import count_bytes
from synthcli.errors import SynthError
from synthcli.jobs.run_report_types import (
    ListedCheckpoint,
    ListedRun,
    RunReport,
    RunSpeed,
    RunStore,
    StepValue,
)
from synthcli.presets.files import read_toml
from synthcli.runs import Run
from synthcli.runs.inventory import ROLES, Found, describe_run, read_ingredients, uses_of
from synthcli.runs.verbs import TRAINED, find_run_verb
from synthcli.training.manifest import read_checkpoint_manifest, step_folders
from synthcli.training.records import read_whole_records

PARTS = ("checkpoints", "results")  # folders of a run whose sizes are told apart


def row_of(found: Found, root: Path) -> ListedRun:
    """Return one row of the list; null is what a folder does not say."""
    is_run = found.kind in ("run", "damaged")
    return {
        "path": str(found.path),
        "id": found.path.name if is_run else None,
        "name": found.run.name if found.path.parent != root else None,
        "kind": found.kind,
        "state": found.state,
        "bytes": count_bytes(found.path),
        **describe_run(found),
    }


def report_of(found: Found, there: Sequence[Found]) -> RunReport:
    """Return all that a run says of itself, and which runs point to it."""
    run = found.run
    preset, sessions = read_toml(run.preset), run.sessions
    return {
        **row_of(found, run.path.parent.parent),
        "title": preset.get("title"),
        "scale": preset.get("scale"),
        "made_of": {ROLES[key]: word for key, word in read_ingredients(run).items()},
        "used_by": [{"run": str(use.by.path), "role": use.role} for use in uses_of(run, there)],
        "store": store_of(run, preset),
        "checkpoints": [checkpoint_of(path) for path in step_folders(run.checkpoints)],
        "losses": losses_of(run),
        "speed": speed_of(run),
        "results": {name: figures_of(table) for name, table in run.read_results().items()},
        "sizes": {part: count_bytes(run.path / part) for part in PARTS},
        "sessions": sessions,
        "notes": notes_of(run),
    }


def notes_of(run: Run) -> list[str]:
    """Return what is amiss with the records of a run: a file that is gone, lines that are not whole."""
    is_trained = run.last is not None and find_run_verb(run) in (*TRAINED, "heal")
    notes = []
    for path in (run.journal, run.timings):
        damaged = read_whole_records(path)[1]
        if is_trained and not path.exists():
            notes.append(f"`{path.name}` is gone")
        elif damaged:
            notes.append(f"`{path.name}` is damaged in {len(damaged):,} line{'s' * (len(damaged) > 1)}")
    return notes


def store_of(run: Run, preset: Mapping[str, object]) -> RunStore | None:
    """Return the hash of the store a run reads, and where it stands now."""
    data = preset.get("data")
    if run.store_hash is None or not isinstance(data, dict):
        return None
    path = find_store_by_hash(stores_root(), str(data.get("corpus")), run.store_hash)
    return {"hash": run.store_hash, "path": None if path is None else str(path)}


def checkpoint_of(path: Path) -> ListedCheckpoint:
    manifest = read_checkpoint_manifest(path)
    return {
        "name": path.name,
        "step": manifest.step,
        "validation_loss": manifest.validation_loss,
        "bytes": count_bytes(path),
    }


def losses_of(run: Run) -> dict[str, StepValue | None]:
    """Return the last losses of a journal, and the least validation loss with its step."""
    records = [record.values for record in read_whole_records(run.journal)[0]]
    trained = [one for one in records if isinstance(one.get("loss"), float)]
    evaluated = [one for one in records if isinstance(one.get("validation_loss"), float)]
    best = min(evaluated, key=lambda one: one["validation_loss"], default=None)
    return {
        "loss": _at(trained[-1], "loss") if trained else None,
        "validation_loss": _at(evaluated[-1], "validation_loss") if evaluated else None,
        "best_validation_loss": None if best is None else _at(best, "validation_loss"),
    }


def _at(record: Mapping[str, Any], key: str) -> StepValue:
    return {"step": record["step"], "value": record[key]}


def speed_of(run: Run) -> RunSpeed:
    """Return seconds, tokens a second and the most memory; null is what was not noted."""
    records = [record.values for record in read_whole_records(run.timings)[0]]
    timed = [one for one in records if _has(one, "seconds") and _has(one, "tokens_per_second")]
    seconds = sum(one["seconds"] for one in timed)
    tokens = sum(one["seconds"] * one["tokens_per_second"] for one in timed)
    return {
        "seconds": round(sum(one["seconds"] for one in records if _has(one, "seconds")), 1),
        "tokens_per_second": round(tokens / seconds, 1) if seconds else None,
        "peak_memory": _most(one.get("peak_memory") for one in records),
        "peak_gpu_memory": _most(one.get("peak_gpu_memory") for one in records),
    }


def _has(record: Mapping[str, object], key: str) -> bool:
    return isinstance(record.get(key), int | float)


def _most(values: Iterable[object]) -> int | None:
    return max((value for value in values if isinstance(value, int)), default=None)


def figures_of(table: Mapping[str, object]) -> dict[str, object]:
    """Return the figures of a result by name; one that holds none, a student's say, is empty."""
    figures = table.get("figures")
    rows = figures if isinstance(figures, list) else []
    return {str(row["name"]): row.get("value") for row in rows if isinstance(row, dict) and "name" in row}


def refuse_unreadable(found: Found) -> None:
    """Raise where a folder is no run that can be shown."""
    if found.kind == "damaged":
        why = found.state.rpartition("damaged: ")[2]
        raise SynthError(f"run `{found.path}` is damaged: {why}", f"`synth runs rm {found.path}` removes it")
    if found.kind != "run":
        raise SynthError(f"`{found.path}` is no run", "`synth runs ls` lists them")
