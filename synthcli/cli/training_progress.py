"""Training on the screen: a bar with loss, rate and time left; plain lines where there is no terminal."""

import time
from pathlib import Path

from synthcli.cli import screen
from synthcli.memory import amount
from synthcli.training.events import Evaluation, Step
from synthcli.training.metrics_log import peaks
from synthcli.training.trainer import Callback, Trainer

SECONDS_BETWEEN_LINES = 30.0


class TrainingProgress(Callback):
    """Shows the steps of one training; `label` names it."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.progress = screen.progress()
        self.task = self.progress.add_task(label, total=None, rate="")
        self.began = self.said = time.monotonic()
        self.tokens = 0
        self.rate = self.saved = ""  # the latter is the first to go where a line has no room

    def on_start(self, training: Trainer) -> None:
        for warning in training.warnings:
            screen.say(f"warning: {warning}")
        self.progress.update(self.task, total=training.steps, completed=training.step)
        self.began = self.said = time.monotonic()
        self.progress.start()

    def on_step(self, training: Trainer, step: Step) -> None:
        self.tokens += step.tokens
        now = time.monotonic()
        pace = f"{self.tokens / max(now - self.began, 1e-9):,.0f} tokens/s"
        self.rate = f"loss {step.loss:.3f} · {pace} · {amount([*peaks(training.device).values()][-1])}"
        self.progress.update(self.task, completed=step.step, rate=self.rate + self.saved)
        if not screen.err.is_terminal and now - self.said > SECONDS_BETWEEN_LINES:
            screen.say(f"{self.label}: step {step.step:,} of {training.steps:,}, {self.rate}")
            self.said = now

    def on_evaluate(self, training: Trainer, evaluation: Evaluation) -> None:
        screen.say(f"{self.label}: step {evaluation.step:,}, validation loss {evaluation.loss:.4f}")

    def on_save(self, training: Trainer, path: Path) -> None:
        self.saved = f" · saved at {training.step:,}"
        self.progress.update(self.task, rate=self.rate + self.saved)

    def on_end(self, training: Trainer) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was, also after an error."""
        self.progress.stop()
