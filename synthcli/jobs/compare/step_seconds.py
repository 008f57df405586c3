"""How long a step of each arm takes, measured apart: arms in turn, nothing beside; kept in a file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from synthcli import atomic_files
from synthcli.device import current_device
from synthcli.disk import guard_write
from synthcli.errors import SynthError
from synthcli.jobs.parallel.carry_out import Board
from synthcli.jobs.parallel.work import observer_of
from synthcli.jobs.reproduce.rows import time_task
from synthcli.presets.schema import Experiment
from synthcli.runs.differences import preset_hash
from synthcli.runs.environment import describe_device
from synthcli.safe_read import Shape, check_shape, read_table

TIMING = "a step of each arm, in turn"
ROUNDS = 20  # steps of each arm that are timed, in turn
SHAPE: Shape = {"experiments": str, "threads": int, "device?": str, "seconds": {"*": float}}
HINT = "delete it: times are measured anew"


@dataclass(frozen=True)
class StepSeconds:
    """Seconds of a step by arm, and on what they were measured; older files do not name the device."""

    experiments: str
    threads: int
    seconds: dict[str, float]
    device: str = ""


def find_step_seconds(
    arms: Mapping[str, Experiment], places: Sequence[Path], board: Board, threads: int
) -> StepSeconds:
    """Return the median seconds of a step of each arm, in turn on so many threads.

    They are read from the first of `places` that is of these arms, else measured, and kept in the last.
    """
    wanted = preset_hash({name: one.model_dump(mode="json") for name, one in arms.items()})
    for place in places:
        if (kept := _read_seconds(place, wanted)) is not None:
            return kept
    listener = board.begin(TIMING)
    with on_threads(threads):
        seconds = time_task(dict(arms), observer_of(listener), ROUNDS)
    board.end(TIMING, ", ".join(f"{name} {value:.3g} s" for name, value in seconds.items()), 0, 0)
    measured, path = StepSeconds(wanted, threads, seconds, describe_device(current_device())), places[-1]
    with guard_write(f"`{path}`", path, "name another folder with `-o`"):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.write_text(path, json.dumps(asdict(measured), indent=2) + "\n")
    return measured


def _read_seconds(path: Path, wanted: str) -> StepSeconds | None:
    """Return the seconds that a file keeps of these arms; None where it keeps none, or those of others."""
    if not path.is_file():
        return None
    table = read_table(path, HINT)
    try:
        check_shape(table, SHAPE)
    except ValueError as error:
        raise SynthError(f"`{path}` holds no times: {error}", HINT) from error
    return StepSeconds(**table) if table["experiments"] == wanted else None


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Compute on so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
