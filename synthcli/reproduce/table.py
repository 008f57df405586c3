"""The table of a reproduction: one row a task and variant, as Markdown and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

Failed = Mapping[str, str]
"""What has no row, and why."""


@dataclass(frozen=True)
class ResultRow:
    """A trained model beside its untrained self, and beside what was claimed where that can be compared."""

    task: str
    preset: str
    variant: str
    corpus: str
    metric: str
    protocol: str
    value: float
    interval: tuple[float, float] | None
    untrained: float
    higher_is_better: bool
    samples: int
    parameters: int
    steps: int
    step_time: float | None  # relative to the task's first variant, measured in turn; below 1 is faster
    claim: str
    run: str
    threads: tuple[int, ...] = ()  # of its training, session after session

    @property
    def has_learned(self) -> bool:
        """Whether training made the model better."""
        return self.value > self.untrained if self.higher_is_better else self.value < self.untrained


COLUMNS = (
    "task",
    "variant",
    "metric",
    "value",
    "95 % interval",
    "untrained",
    "parameters",
    "time per step / first",
)


def row_cells(row: ResultRow) -> list[str]:
    """Return a row as text, in the order of `COLUMNS`."""
    spread = "" if row.interval is None else f"{row.interval[0]:.2f} – {row.interval[1]:.2f}"
    time = "" if row.step_time is None else f"{row.step_time:.2f}"
    return [
        f"{row.task} ({row.corpus})",
        row.variant,
        row.metric,
        f"{row.value:.2f}" + ("" if row.has_learned else " (!)"),
        spread,
        f"{row.untrained:.2f}",
        f"{row.parameters:,}",
        time,
    ]


def write_markdown(
    rows: list[ResultRow], scale: str, seed: int, environment: str, jobs: int, failed: Failed
) -> str:
    """Return the report: what was run, the table, the protocols, and what failed and why."""
    protocols = {row.metric: row.protocol for row in rows}
    beside = " beside others" if jobs > 1 else ""
    lines = [
        f"# Reproduction at scale `{scale}`",
        "",
        f"One seed ({seed}) a row; {environment}; {rows_at_a_time(jobs)}, {describe_threads(rows)}.",
        "An interval covers 95 % of bootstrap resamples of the test split, not of seeds.",
        f"Times per step are ratios to the first variant of a task, measured in turn in one process{beside}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
        *("| " + " | ".join(row_cells(row)) + " |" for row in rows),
        "",
        "Protocols:",
        "",
        *(f"- `{metric}`: {protocol}" for metric, protocol in protocols.items()),
        "",
    ]
    claims = {row.claim for row in rows if row.claim}
    if scale != "paper":
        lines.append(
            "No claim of the paper is tested at this scale: other data, smaller models, fewer steps."
        )
    elif claims:
        lines += ["Claims:", "", *(f"- {claim}" for claim in sorted(claims))]
    unlearned = [row for row in rows if not row.has_learned]
    if unlearned:
        names = ", ".join(f"{row.preset} on {row.corpus}" for row in unlearned)
        lines += ["", f"**Not better than untrained (!): {names}.**"]
    if failed:
        lines += ["", "**Failed, and not in the table:**", ""]
        lines += [f"- {name}: {' '.join(why.split())}" for name, why in failed.items()]
    return "\n".join(lines) + "\n"


def rows_at_a_time(jobs: int) -> str:
    """Say how many rows were made beside each other."""
    return "one row at a time" if jobs == 1 else f"{jobs} rows at a time"


def describe_threads(rows: list[ResultRow]) -> str:
    """Say on how many threads the rows were trained, and where they are not the same."""
    counts = sorted({count for row in rows for count in row.threads})
    if len(counts) == 1:
        return f"each on {counts[0]} thread{'s' * (counts[0] > 1)}"
    if not counts:
        return "on threads nobody noted"
    numbers = ", ".join(map(str, counts))
    return f"on different threads ({numbers}), so that bits may differ from rows of one number"


def as_json(
    rows: list[ResultRow], scale: str, seed: int, environment: str, jobs: int, failed: Failed
) -> dict[str, object]:
    """Return the report as data."""
    table = [{**asdict(row), "learned": row.has_learned} for row in rows]
    head = {"scale": scale, "seed": seed, "environment": environment, "jobs": jobs}
    return {**head, "rows": table, "failed": dict(failed)}
