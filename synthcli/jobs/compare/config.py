"""What is compared, and how."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from synthcli.compare.figures import QUANTITIES, Quantity, find_quantity
from synthcli.errors import SynthError
from synthcli.evaluation.measure import is_compared
from synthcli.jobs.compare.arms import Arm
from synthcli.jobs.ladder.rungs import LadderField
from synthcli.jobs.tune.report_types import TrialsPlan, TuningReport
from synthcli.presets.schema import Experiment


@dataclass(frozen=True)
class CompareConfig:
    """What is compared, and how; `records` is a folder of records that are counted as runs are.

    `metrics` are words of `--metric`, `margins` of `--margin`: `0.5`, or `bleu=0.5` where there are several.
    `equal` names what every arm has as much of as the baseline (jobs/compare/equal.py).
    `has_times` asks for steps measured apart (jobs/compare/times.py).
    `tuning` is what found settings of the arms, where something did.
    """

    arms: tuple[Arm, ...]
    seeds: int = 3
    scale: str | None = None
    overrides: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    margins: tuple[str, ...] = ()
    records: Path | None = None
    command: str = ""
    equal: tuple[str, ...] = ()
    tuning: TuningReport | TrialsPlan | None = None
    ladder: LadderField | None = None
    has_times: bool = False

    @cached_property
    def experiments(self) -> list[Experiment]:
        """Those of the arms, the baseline's first, each with the seed of its preset."""
        return [arm.experiment(self.scale, self.overrides, None) for arm in self.arms]

    @property
    def first_seed(self) -> int:
        """The seed of the baseline's preset: others follow it."""
        return self.experiments[0].training.seed

    @cached_property
    def quantities(self) -> list[Quantity]:
        """What is compared: what was asked for, else the first metric of the baseline."""
        words = self.metrics or self.experiments[0].evaluation.metrics[:1]
        found = [find_quantity(word) for word in dict.fromkeys(words)]
        tasks = {arm.name: one.model.task for arm, one in zip(self.arms, self.experiments, strict=True)}
        for quantity in found:
            _refuse_unfit(quantity, tasks)
        return found

    @property
    def quantity(self) -> Quantity:
        """The first of what is compared."""
        return self.quantities[0]

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that runs are evaluated by."""
        return tuple(dict.fromkeys(quantity.metric for quantity in self.quantities))

    @cached_property
    def limits(self) -> dict[str, float]:
        """What is too small to matter, by the word of each quantity."""
        limits = {quantity.word: quantity.margin for quantity in self.quantities}
        for text in self.margins:
            word, value = _read_margin(text, [*limits])
            limits[word] = value
        return limits

    def seeds_in_turn(self) -> list[int]:
        """Return the seeds of every arm; runs that are compared as they are count as one pair each."""
        if self.arms[0].run is not None:
            return [self.first_seed]
        return [self.first_seed + number for number in range(self.seeds)]

    def seed_of(self, number: int, seed: int) -> int:
        """Return the seed of an arm, by its number, that stands beside one of the baseline."""
        own = self.arms[number].has_own_seeds
        return seed + self.experiments[number].training.seed - self.first_seed if own else seed

    @property
    def name(self) -> str:
        """What the report is called."""
        what = "compare" if self.ladder is None else f"ladder-{self.ladder.name}"
        return "-".join([what, *(arm.name for arm in self.arms)])[:100]


def _refuse_unfit(quantity: Quantity, tasks: Mapping[str, str]) -> None:
    """Raise where the task of an arm has no such metric."""
    unfit = next((arm for arm, task in tasks.items() if not is_compared(quantity.metric, task)), None)
    if unfit is not None:
        message = f"arm `{unfit}` is not evaluated by `{quantity.metric}`: its task is `{tasks[unfit]}`"
        common = [
            one.word
            for one in QUANTITIES.values()
            if all(is_compared(one.metric, task) for task in tasks.values())
        ]
        raise SynthError(
            message, f"`--metric {common[0]}` fits all" if common else "compare arms of one task"
        )


def _read_margin(text: str, words: Sequence[str]) -> tuple[str, float]:
    """Return the word and the number of `0.5` or `bleu=0.5`."""
    name, equals, number = text.rpartition("=")
    hint = f"`--margin {words[0]}=0.5`" if len(words) > 1 else "`--margin 0.5`"
    if equals and name not in words:
        raise SynthError(f"`--margin {text}`: `{name}` is not compared", hint)
    if not equals and len(words) > 1:
        raise SynthError(f"`--margin {text}`: of which of {', '.join(words)}?", hint)
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise SynthError(f"`--margin {text}`: a margin is a number of 0 or more", hint)
    return name or words[0], value
