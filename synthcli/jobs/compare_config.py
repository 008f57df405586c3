"""What is compared, and how."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from synthcli.compare.figures import Quantity, find_quantity
from synthcli.errors import SynthError
from synthcli.jobs.compare_arms import Arm
from synthcli.presets.schema import Experiment


@dataclass(frozen=True)
class CompareConfig:
    """What is compared, and how; `records` is a folder of records that are counted as runs are.

    `equal` names what every arm has as much of as the baseline (jobs/compare_equal.py).
    """

    arms: tuple[Arm, ...]
    seeds: int = 3
    scale: str | None = None
    overrides: tuple[str, ...] = ()
    metric: str | None = None
    margin: float | None = None
    records: Path | None = None
    command: str = ""
    equal: tuple[str, ...] = ()

    @cached_property
    def experiments(self) -> list[Experiment]:
        """Those of the arms, the baseline's first, each with the seed of its preset."""
        return [arm.experiment(self.scale, self.overrides, None) for arm in self.arms]

    @property
    def first_seed(self) -> int:
        """The seed of the baseline's preset: others follow it."""
        return self.experiments[0].training.seed

    @cached_property
    def quantity(self) -> Quantity:
        """What is compared: what was asked for, else the first metric of the baseline."""
        metrics = [experiment.evaluation.metrics for experiment in self.experiments]
        quantity = find_quantity(self.metric or metrics[0][0])
        for arm, known in zip(self.arms, metrics, strict=True):
            if quantity.metric not in known:
                message = f"arm `{arm.name}` is not evaluated by `{quantity.metric}`"
                common = [name for name in metrics[0] if all(name in one for one in metrics)]
                hint = f"`--metric {common[0]}` fits all" if common else "no metric fits all of these arms"
                raise SynthError(message, hint)
        return quantity

    def seeds_in_turn(self) -> list[int]:
        """Return the seeds of every arm; runs that are compared as they are count as one pair each."""
        if self.arms[0].run is not None:
            return [self.first_seed]
        return [self.first_seed + number for number in range(self.seeds)]

    @property
    def name(self) -> str:
        """What the report is called."""
        return "-".join(["compare", *(arm.name for arm in self.arms)])[:100]
