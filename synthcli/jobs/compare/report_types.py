"""What a report of a comparison holds, key by key, as it is written to JSON."""

from typing import NotRequired, TypedDict

from synthcli.compare.contrast_types import ContrastTable
from synthcli.jobs.ladder.report_types import LadderReport
from synthcli.jobs.tune.report_types import TuningReport


class ArmPlan(TypedDict):
    """What an arm is, and what one of its runs takes; a plan says what is still to be made, too."""

    arm: str
    preset: str
    settings: list[str]
    parameters: int
    non_embedding: int
    steps: int | None
    tokens: int | None
    flops: float | None
    flops_per_sequence: float
    learning_rate: float | None
    precision: str
    first_seed: int
    missing: NotRequired[int]
    trials: NotRequired[int]
    hours: NotRequired[float | None]


class ArmFigures(TypedDict):
    """A figure of an arm: its values by seed, their mean, and σ over seeds where there are several."""

    values: dict[str, float]
    mean: float
    deviation: float | None


class ArmRow(ArmPlan):
    """An arm that was run: its figures by metric, the seeds that diverged, median seconds of a run."""

    figures: dict[str, ArmFigures]
    diverged: list[int]
    seconds: float


class MetricRow(TypedDict):
    """A metric: the figure it is, and how that is made."""

    figure: str
    unit: str
    higher_is_better: bool
    margin: float
    protocol: str


class RunRow(TypedDict):
    """A run: its values by metric, how it was made, what it cost."""

    arm: str
    seed: int
    values: dict[str, float]
    run: str
    made: dict[str, object]
    cost: dict[str, float]


class Peaks(TypedDict, total=False):
    """The most bytes that a process held, where it is known."""

    peak_memory: float
    peak_gpu_memory: float


class ArmTimes(Peaks):
    """Median seconds of a step, as a share of the baseline's too."""

    seconds: float
    relative: float


class StepTimes(TypedDict):
    """Times of a step of each arm, measured apart."""

    rounds: int
    device: str
    threads: int
    arms: dict[str, ArmTimes]


class AskedParts(TypedDict, total=False):
    """Parts of a report that are there where they were asked for."""

    tuning: TuningReport
    ladder: LadderReport
    step_seconds: StepTimes


class CompareReport(AskedParts):
    """The report of a comparison."""

    name: str
    command: str
    version: str
    scale: str
    metrics: dict[str, MetricRow]
    corpus: str
    split: str
    seeds: list[int]
    equal: list[str]
    baseline: str
    arms: list[ArmRow]
    unequal: list[str]
    contrasts: list[ContrastTable]
    quote: str
    runs: list[RunRow]
