"""What a report of a tuning holds, key by key, as it is written to JSON."""

from typing import TypedDict, final

from synthcli.compare.search import Value


class TrialRow(TypedDict):
    """A trial: `loss` is None where it diverged, or stopped early, at step `stopped`."""

    trial: int
    values: dict[str, Value]
    loss: float | None
    diverged: str
    stopped: int | None
    losses: list[list[float]]
    run: str


class BestTrial(TypedDict):
    """The best trial of an arm, and the settings it stands for."""

    trial: int
    values: dict[str, Value]
    loss: float | None
    settings: list[str]


class TunedArm(TypedDict):
    """The trials of an arm; `best_of_k` is None where trials were stopped early."""

    arm: str
    preset: str
    seed: int
    rungs: list[int | None] | None
    trials: list[TrialRow]
    best: BestTrial
    best_of_k: list[float | None] | None
    warnings: list[str]


@final
class TuningReport(TypedDict):
    """What a tuning came to."""

    trials: int
    points: str
    ranges: dict[str, str]
    logarithmic: list[str]
    intervals: dict[str, list[float]]
    halving: bool
    warnings: list[str]
    judged_by: str
    arms: list[TunedArm]


class MissingTrials(TypedDict):
    """Trials an arm lacks, what they cost in whole runs, and the seconds of those there are."""

    trials: int
    runs: float
    seconds: list[float]


@final
class TrialsPlan(TypedDict):
    """What is looked through, and what of it each arm lacks."""

    trials: int
    ranges: dict[str, str]
    missing: dict[str, MissingTrials]


class TuneReport(TypedDict):
    """The report of `synth tune`."""

    name: str
    command: str
    version: str
    scale: str
    tuning: TuningReport
    next: str


class TunePlan(TypedDict):
    """What `synth tune` takes: `hours` where somebody knows them."""

    arm: str
    parameters: int
    steps: int | None
    flops: float | None
    trials: int
    runs: float
    hours: float | None
    points: list[dict[str, Value]]
