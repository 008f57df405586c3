"""The parts of a reproduction, each done by one process at a time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synthcli.jobs.parallel.work import Listener, observer_of
from synthcli.jobs.reproduce.compressed import make_compressed_rows
from synthcli.jobs.reproduce.rows import Reproduction, experiment_of, make_row, step_times
from synthcli.presets import plan_training
from synthcli.reproduce.table import ResultRow
from synthcli.reproduce.tasks import Task
from synthcli.runs import Run

PartResult = list[ResultRow] | dict[str, float]
"""Rows, or the step time of each variant."""


@dataclass(frozen=True)
class ReproductionPart:
    """The row of a variant, the step times of a task's variants, or the rows of a compressed teacher.

    `runs` are those of the parts before it, by variant.
    """

    kind: Literal["row", "step-times", "compressed"]
    task: Task
    asked: Reproduction
    variant: str = ""
    runs: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """How it is called on the screen."""
        corpus = "" if self.task.corpus is None else f" on {self.task.corpus}"
        if self.kind == "row":
            return f"{self.task.presets[self.variant]}{corpus}"
        if self.kind == "step-times":
            return f"step times, {self.task.name}{corpus}"
        return f"one block of {self.task.presets[self.variant]}"

    def carry_out(self, listener: Listener) -> PartResult:
        """Return rows, or step times by variant."""
        observer = observer_of(listener)
        if self.kind == "row":
            return [make_row(self.task, self.variant, self.asked, observer)]
        if self.kind == "step-times":
            return step_times({variant: Run(Path(path)) for variant, path in self.runs}, observer)
        ((_, teacher),) = self.runs
        return list(make_compressed_rows(self.asked.scale, Path(teacher), observer))


def cost_of(part: ReproductionPart) -> float:
    """Return about how many operations the training of a row takes; what it is not known of comes first."""
    planned = plan_training(experiment_of(part.task, part.variant, part.asked))
    return float("inf") if planned.flops is None else planned.flops
