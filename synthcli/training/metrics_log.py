"""The journal: what a training computed. It is the same whether it was interrupted or not."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from synthcli import atomic_files
from synthcli.disk import guard_write
from synthcli.memory import peak_memory
from synthcli.progress import Say, say_nothing
from synthcli.training.events import RESUME, Evaluation, Step
from synthcli.training.records import Expected, keep, read_whole_records
from synthcli.training.trainer import Callback, Trainer


@dataclass(frozen=True)
class Rhythm:
    """How often a session that began after a step wrote records; None is what nobody noted."""

    from_step: int
    log_every: int | None = None
    evaluate_every: int | None = None


class Journal(Callback):
    """Lines of JSON: numbers that are a function of the configuration in one file, the clock in another."""

    def __init__(
        self,
        journal: Path,
        timings: Path,
        then: str = RESUME,
        rhythms: Sequence[Rhythm] = (),
        is_validated: bool = False,
        say: Say = say_nothing,
    ) -> None:
        self.journal, self.timings, self.then = journal, timings, then
        self.rhythms, self.is_validated, self.say = rhythms, is_validated, say
        self._targets = self._tokens = self._steps = 0
        self._since = time.perf_counter()

    def on_start(self, training: Trainer) -> None:
        expected = self._list_expected(training)
        self._go_on(self.journal, training.step, expected)
        self._go_on(self.timings, training.step, {"seconds": expected["loss"]})
        self._since = time.perf_counter()

    def _go_on(self, path: Path, step: int, expected: Mapping[str, Expected]) -> None:
        """Keep the records up to a step; say what of them is not as it was written."""
        kept = keep(path, step, expected)
        with guard_write(f"`{path}`", path, then=self.then):
            atomic_files.write_text(path, kept.text)
        if kept.faults:
            self.say(f"`{path}` is not as it was written: {'; '.join(kept.faults)}")

    def _list_expected(self, training: Trainer) -> dict[str, Expected]:
        """Return of each kind of record which steps so far have one."""
        config, rhythms = training.config, [Rhythm(0), *self.rhythms]

        def rhythm(step: int) -> Rhythm:
            """A later session that began before the step wrote over what an earlier one had."""
            return next(one for one in reversed(rhythms) if one.from_step < step)

        def is_logged(step: int) -> bool:
            return is_due(step, training.steps, rhythm(step).log_every or config.log_every)

        def is_validated(step: int) -> bool:
            every = rhythm(step).evaluate_every or config.evaluate_every
            return step == training.steps or step % every == 0

        expected: dict[str, Expected] = {"loss": is_logged}
        if self.is_validated:
            expected["validation_loss"] = is_validated
        if config.diagnostics:
            expected["diagnostics"] = is_logged
        return expected

    def on_step(self, training: Trainer, step: Step) -> None:
        self._steps, self._targets = self._steps + 1, self._targets + step.targets
        self._tokens += step.tokens
        if is_logged(training, step.step):
            record = asdict(step)
            del record["tokens"]  # of the clock's file
            if not record.pop("is_skipped"):
                append_record(self.journal, record, self.then)
            else:
                append_record(self.journal, {**record, "grad_norm": None, "is_skipped": True}, self.then)
            self._note_time(training, step.step)

    def on_evaluate(self, training: Trainer, evaluation: Evaluation) -> None:
        named = {"validation_loss": evaluation.loss, "validation_targets": evaluation.targets}
        append_record(self.journal, {"step": evaluation.step, **named}, self.then)

    def before_save(self, training: Trainer) -> None:
        if self._steps:  # whoever resumes knows of these
            self._note_time(training, training.step)
        for path in (self.journal, self.timings):
            if path.exists():
                atomic_files.sync(path)

    def _note_time(self, training: Trainer, step: int) -> None:
        now = time.perf_counter()
        seconds = now - self._since
        append_record(
            self.timings,
            {
                "step": step,
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "seconds": round(seconds, 4),
                "tokens": self._tokens,
                "steps_per_second": round(self._steps / seconds, 4),
                "targets_per_second": round(self._targets / seconds, 1),
                "tokens_per_second": round(self._tokens / seconds, 1),
                **peaks(training.device),
            },
            self.then,
        )
        self._since = now
        self._steps = self._targets = self._tokens = 0


def peaks(device: torch.device) -> dict[str, int]:
    """Return the most bytes that this process has held, and of its tensors on a GPU."""
    held = {"peak_memory": peak_memory()}
    if device.type == "cuda":
        held["peak_gpu_memory"] = torch.cuda.max_memory_allocated(device)
    return held


def is_logged(training: Trainer, step: int) -> bool:
    """Whether a step has a record: the first, the last, and every `log_every`-th."""
    return is_due(step, training.steps, training.config.log_every)


def is_due(step: int, steps: int, every: int) -> bool:
    return step in (1, steps) or step % every == 0


def append_record(path: Path, record: Mapping[str, object], then: str = RESUME) -> None:
    """Write one more line; where that fails, nothing of it stays."""
    line = (json.dumps(record) + "\n").encode()
    with guard_write(f"`{path}`", path, then=then), path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            while line:  # a disk may take a part
                line = line[file.write(line) :]
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the records of a journal."""
    return [record.values for record in read_whole_records(path)[0]]
