"""Which parts of a reproduction are carried out in which order, and what has become of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from synthcli.jobs.parallel.work import Failure
from synthcli.jobs.reproduce.parts import PartResult, ReproductionPart, cost_of
from synthcli.jobs.reproduce.rows import Reproduction
from synthcli.reproduce.table import ResultRow
from synthcli.reproduce.tasks import TEACHER, Task


@dataclass
class Schedule:
    """`waiting` are the parts whose turn comes; those that need others join it when these have ended.

    The teacher comes first, since its student waits for it, then what takes longest.
    """

    tasks: Sequence[Task]
    asked: Reproduction
    waiting: list[ReproductionPart] = field(default_factory=list)
    results: dict[str, PartResult | Failure] = field(default_factory=dict)  # by the name of the part

    def __post_init__(self) -> None:
        parts = [part for task in self.tasks for part in self._rows_of(task)]
        costs = {part.name: cost_of(part) for part in parts}  # whatever is wrong with one is refused here
        self.waiting = sorted(parts, key=lambda part: (not is_teacher(part), -costs[part.name]))

    @property
    def number_done(self) -> int:
        """The number of parts that have ended."""
        return len(self.results)

    @property
    def total(self) -> int:
        """The number of parts, of those to come too."""
        return sum(
            len(task.presets) + (len(task.presets) > 1) + (TEACHER in task.presets.values())
            for task in self.tasks
        )

    def end(self, work: ReproductionPart, result: object) -> None:
        """Take what has become of a part; what waited for it alone comes next."""
        assert isinstance(result, list | dict | Failure)
        self.results[work.name] = result
        row = self._row(work)
        if row is None or work.kind != "row":
            return
        if is_teacher(work):
            self.waiting.insert(0, replace(work, kind="compressed", runs=((work.variant, row.run),)))
        rows = [self._row(one) for one in self._rows_of(work.task)]
        if len(rows) > 1 and all(rows):
            runs = tuple((row.variant, row.run) for row in rows if row is not None)
            self.waiting.insert(0, ReproductionPart("step-times", work.task, self.asked, runs=runs))

    def outcome_of(self, result: object) -> str:
        """Say what a part came to in a few words."""
        if isinstance(result, Failure):
            return f"failed: {result.message}"
        if isinstance(result, dict):
            return ", ".join(f"{variant} {time:.2f}" for variant, time in result.items())
        assert isinstance(result, list)
        return ", ".join(f"{row.metric} {row.value:.2f}, untrained {row.untrained:.2f}" for row in result)

    @property
    def failures(self) -> list[Failure]:
        """What failed, in the order it did."""
        return [result for result in self.results.values() if isinstance(result, Failure)]

    @property
    def rows(self) -> list[ResultRow]:
        """The rows there are, in the order of the tasks, those of compressed models last."""
        rows: list[ResultRow] = []
        compressed: list[ResultRow] = []
        for task in self.tasks:
            times = self.results.get(ReproductionPart("step-times", task, self.asked).name)
            for part in self._rows_of(task):
                if (row := self._row(part)) is not None:
                    alone = 1.0 if len(task.presets) == 1 else None
                    time = times.get(part.variant) if isinstance(times, dict) else alone
                    rows.append(replace(row, step_time=time))
                    students = self.results.get(replace(part, kind="compressed").name)
                    compressed += students if is_teacher(part) and isinstance(students, list) else []
        return rows + compressed

    def _rows_of(self, task: Task) -> list[ReproductionPart]:
        return [ReproductionPart("row", task, self.asked, variant) for variant in task.presets]

    def _row(self, part: ReproductionPart) -> ResultRow | None:
        result = self.results.get(part.name)
        return result[0] if isinstance(result, list) else None


def is_teacher(part: ReproductionPart) -> bool:
    """Whether a part makes the model whose block is distilled."""
    return part.kind == "row" and part.task.presets[part.variant] == TEACHER
