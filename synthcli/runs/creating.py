"""A new run: whole under its name, or not there at all.

It is filled in a folder beside, which no finder takes for a run, locked for as long as its process lives.
What killed processes left there is removed by the next that makes a run of the name.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from synthcli import atomic_files
from synthcli.disk import guard_write
from synthcli.runs.run import ELSEWHERE, ENVIRONMENT, PRESET, Run, is_main_process, replace_json, runs_root
from synthcli.safe_read import parse_toml


def create_run(
    name: str,
    preset: str,
    root: Path | None = None,
    verb: str = "train",
    fill: Callable[[Run], object] | None = None,
    facts: Mapping[str, object] | None = None,
) -> Run:
    """Make a new run of a command, with its resolved preset and what `fill` writes; ids sort by time.

    `facts` are kept in `environment.json` beside the preset as it begins.
    Processes other than the main one write nothing.
    """
    folder = (root or runs_root()) / name
    if not is_main_process():
        return Run(folder / new_id())
    with _name_at_the_end(folder) as run:
        run.preset.write_text(preset, encoding="utf-8")
        record = {"verb": verb, "preset": parse_toml(preset), **(facts or {}), "sessions": []}
        replace_json(run.path / ENVIRONMENT, record)
        if fill is not None:
            fill(run)
    return Run(_final(run.path))


@contextmanager
def _name_at_the_end(folder: Path) -> Iterator[Run]:
    """Yield a run that gets its name when this ends; on an error nothing is left of it."""
    with (
        guard_write(f"a run in `{folder}`", folder, ELSEWHERE),
        atomic_files.parents_of(folder / PRESET),
    ):
        _sweep(folder)
        # of an id that two processes draw at once only one gets it
        with atomic_files.claim_path(
            lambda: folder / (atomic_files.UNFINISHED + new_id()),
            is_free=lambda path: not _final(path).exists(),
        ) as path:
            yield Run(path)
            for file in sorted(path.rglob("*")):
                atomic_files.sync(file)
            atomic_files.sync(path)
            path.rename(_final(path))
        atomic_files.sync(folder)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left; a folder another works in is locked."""
    for leftover in folder.glob(f"{atomic_files.UNFINISHED}[0-9]*"):
        with suppress(OSError), atomic_files.hold_lock(leftover):
            shutil.rmtree(leftover)


def _final(path: Path) -> Path:
    return path.with_name(path.name.removeprefix(atomic_files.UNFINISHED))


def new_id() -> str:
    """Return 20261121-090412-8f3a: the time in UTC, its last part in 2⁻¹⁶ seconds."""
    time = datetime.now(UTC)
    return f"{time:%Y%m%d-%H%M%S}-{time.microsecond * 2**16 // 10**6:04x}"
