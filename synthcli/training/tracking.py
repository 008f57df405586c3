"""What a training writes down goes to experiment trackers too; one that fails ends no training.

Trackers get the records of the journal and of the clock as they stand in their files: nothing is measured
twice, and nothing differs.
"""

import io
import json
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeGuard

from synthcli.progress import Say
from synthcli.training.events import Step
from synthcli.training.metrics_log import is_logged
from synthcli.training.trainer import Callback, Trainer

NAMES = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "grad_norm": "train/grad_norm",
    "epoch": "train/epoch",
    "validation_loss": "validation/loss",
    "steps_per_second": "speed/steps_per_second",
    "tokens_per_second": "speed/tokens_per_second",
    "peak_memory": "memory/peak",
    "peak_gpu_memory": "memory/peak_gpu",
}
LONGEST = 300  # characters of what a library says of its failure


class TrackerClient(Protocol):
    """What a tracker of Accelerate's does."""

    def start(self) -> None: ...

    def store_init_configuration(self, values: dict[str, object]) -> None: ...

    def log(self, values: dict[str, float], step: int) -> None: ...

    def finish(self) -> None: ...


@dataclass
class Tracker:
    """A library's tracker by name; `make` is given the step to go on after, and whether it knows the run."""

    name: str
    make: Callable[[int, bool], TrackerClient]
    is_known: bool = False  # an earlier session of the run told it
    opened: TrackerClient | None = None


@dataclass
class Tracking(Callback):
    """Tells trackers the configuration once, every new record, and the results at the end."""

    trackers: list[Tracker]
    files: Sequence[Path]
    configuration: Mapping[str, object]
    say: Say
    places: dict[Path, int] = field(default_factory=dict)  # of the next byte to read
    threads: set[threading.Thread] = field(default_factory=set)  # that trackers started
    others: set[threading.Thread] | None = None  # while a tracker works: whose threads are not its own
    before: Callable[[threading.ExceptHookArgs], object] = threading.excepthook

    def on_start(self, training: Trainer) -> None:
        earlier = self._new_records()
        for tracker in list(self.trackers):
            with self._guard_tracker(tracker):
                tracker.opened = tracker.make(training.step, tracker.is_known)
                tracker.opened.start()
                if not tracker.is_known:
                    tracker.opened.store_init_configuration(dict(self.configuration))
                    self._tell(tracker, earlier)

    def on_step(self, training: Trainer, step: Step) -> None:
        evaluation = training.evaluation
        if is_logged(training, step.step) or (evaluation is not None and evaluation.step == step.step):
            records = self._new_records()
            for tracker in list(self.trackers):
                with self._guard_tracker(tracker):
                    self._tell(tracker, records)

    def tell_results(self, results: Mapping[str, object], step: int) -> None:
        """Tell what a run came to: every number of a table, by dotted key."""
        figures = {f"result/{key}": value for key, value in flatten_numbers(results)}
        for tracker in list(self.trackers):
            with self._guard_tracker(tracker):
                if tracker.opened is not None:
                    tracker.opened.log(figures, step=step)

    def _tell(self, tracker: Tracker, records: Mapping[int, Mapping[str, float]]) -> None:
        assert tracker.opened is not None  # told after it started
        for step, figures in sorted(records.items()):
            tracker.opened.log(dict(figures), step=step)

    def _new_records(self) -> dict[int, dict[str, float]]:
        """Return by step the figures of the lines that were written since the last call."""
        found: dict[int, dict[str, float]] = {}
        for path in self.files:
            for step, record in self._new_lines(path):
                found.setdefault(step, {}).update(record_figures(record))
        return found

    def _new_lines(self, path: Path) -> Iterator[tuple[int, dict[str, object]]]:
        """Yield steps and records after the place last read; what cannot be read is the journal's alone."""
        with suppress(OSError, ValueError), path.open("rb") as file:
            file.seek(self.places.get(path, 0))
            for line in file:
                self.places[path] = self.places.get(path, 0) + len(line)
                record = json.loads(line)
                if isinstance(record, dict) and isinstance(record.get("step"), int):
                    yield record["step"], record

    @contextmanager
    def _guard_tracker(self, tracker: Tracker) -> Iterator[None]:
        """Say once that a tracker failed, and go on without it; its library prints nothing among our data."""
        self.others = set(threading.enumerate()) - self.threads
        try:
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except Exception as error:  # whatever a library of others raises
            self.trackers.remove(tracker)
            why = f"{type(error).__name__}: {error}".replace("\n", " ")[:LONGEST]
            self.say(f"note: tracker `{tracker.name}` failed, and the training goes on without it: {why}")
        finally:
            self.threads |= set(threading.enumerate()) - self.others
            self.others = None

    def __enter__(self) -> "Tracking":
        self.before, threading.excepthook = threading.excepthook, self._hear
        return self

    def _hear(self, args: threading.ExceptHookArgs) -> None:
        """Print no traceback of a tracker's thread: its library raises the same at the next record."""
        is_new = self.others is not None and args.thread not in self.others
        if args.thread not in self.threads and not is_new:
            self.before(args)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tracker in list(self.trackers):
            with self._guard_tracker(tracker):
                if tracker.opened is not None:
                    tracker.opened.finish()
        threading.excepthook = self.before


def record_figures(record: Mapping[str, object]) -> dict[str, float]:
    """Return the numbers of a record by the names that trackers show."""
    named = {NAMES[key]: value for key, value in record.items() if key in NAMES and is_number(value)}
    return named | {
        f"diagnostics/{key}": value for key, value in flatten_numbers(record.get("diagnostics", {}), "/")
    }


def flatten_numbers(value: object, mark: str = ".", key: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of nested tables and lists by its keys, joined by a mark."""
    if is_number(value):
        yield key, value
    inside = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, one in inside:
        yield from flatten_numbers(one, mark, f"{key}{mark}{name}" if key else str(name))


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
