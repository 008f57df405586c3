"""The journal: what a training computed. It is the same whether it was interrupted or not."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthcli import durable
from synthcli.disk import writing
from synthcli.safe_read import read_bytes
from synthcli.training.callbacks import RESUME, Callback, Evaluation, Step
from synthcli.training.training import Training


class Journal(Callback):
    """Lines of JSON: numbers that are a function of the configuration in one file, the clock in another."""

    def __init__(self, journal: Path, timings: Path, then: str = RESUME) -> None:
        self.journal, self.timings, self.then = journal, timings, then
        self._targets = self._steps = 0
        self._since = time.perf_counter()

    def on_start(self, training: Training) -> None:
        for path in (self.journal, self.timings):
            with writing(f"`{path}`", path, then=self.then):
                truncate(path, training.step)
        self._since = time.perf_counter()

    def on_step(self, training: Training, step: Step) -> None:
        self._steps, self._targets = self._steps + 1, self._targets + step.targets
        if is_logged(training, step.step):
            record = asdict(step)
            if not record.pop("is_skipped"):
                append(self.journal, record, self.then)
            else:
                append(self.journal, {**record, "grad_norm": None, "is_skipped": True}, self.then)
            self._note_time(step.step)

    def on_evaluate(self, training: Training, evaluation: Evaluation) -> None:
        named = {"validation_loss": evaluation.loss, "validation_targets": evaluation.targets}
        append(self.journal, {"step": evaluation.step, **named}, self.then)

    def before_save(self, training: Training) -> None:
        for path in (self.journal, self.timings):
            if path.exists():
                durable.sync(path)

    def _note_time(self, step: int) -> None:
        now = time.perf_counter()
        seconds = now - self._since
        append(
            self.timings,
            {
                "step": step,
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "seconds": round(seconds, 4),
                "steps_per_second": round(self._steps / seconds, 4),
                "targets_per_second": round(self._targets / seconds, 1),
            },
            self.then,
        )
        self._since, self._steps, self._targets = now, 0, 0


def is_logged(training: Training, step: int) -> bool:
    """Whether a step has a record: the first, the last, and every `log_every`-th."""
    return step in (1, training.steps) or step % training.config.log_every == 0


def append(path: Path, record: dict[str, Any], then: str = RESUME) -> None:
    with writing(f"`{path}`", path, then=then), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def truncate(path: Path, step: int) -> None:
    """Keep the records up to a step; a line cut short by a kill and all after it go."""
    kept = [line for line, record in read_lines(path) if record["step"] <= step]
    durable.write_text(path, "".join(kept))


def read(path: Path) -> list[dict[str, Any]]:
    """Return the records of a journal."""
    return [record for _, record in read_lines(path)]


def read_lines(path: Path) -> list[tuple[str, dict[str, Any]]]:
    lines: list[tuple[str, dict[str, Any]]] = []
    if not path.exists():
        return lines
    *whole, _unfinished = read_bytes(path).decode(errors="replace").split("\n")
    for line in whole:
        try:
            lines.append((f"{line}\n", json.loads(line)))
        except json.JSONDecodeError:
            break
    return lines
