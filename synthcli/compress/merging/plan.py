"""How spans of layers are merged: the start, the shape, the training."""

from dataclasses import dataclass, field, replace

from synthcli.compress.conditioned import CONDITIONED
from synthcli.compress.distilling import BEST
from synthcli.compress.fitting import FitConfig
from synthcli.compress.merging import MERGES
from synthcli.compress.merging.wanted import Wanted
from synthcli.errors import SynthError, did_you_mean

TRIAL, LEAST_TRIAL = 10, 20  # a trial takes a tenth of the steps, and so many at least


@dataclass(frozen=True)
class MergePlan:
    """How spans are merged; `start` is one of `MERGES` or `best`. `limit` of a recording is in bytes."""

    start: str = "pooled"
    conditioned: str = "teacher"
    wanted: Wanted = field(default_factory=Wanted)
    settings: FitConfig = field(default_factory=FitConfig)
    limit: int | None = None

    @property
    def trial(self) -> FitConfig:
        steps = min(self.settings.steps, max(LEAST_TRIAL, self.settings.steps // TRIAL))
        return replace(self.settings, steps=steps, evaluations=1)


def refuse_unknown(plan: MergePlan) -> None:
    """Raise for words of a plan that name nothing."""
    for key, word, known in (
        ("--init", plan.start, (BEST, *MERGES)),
        ("--conditioned", plan.conditioned, CONDITIONED),
    ):
        if word not in known:
            raise SynthError(f"`{key} {word}` is unknown", did_you_mean(word, known))
    if plan.settings.steps < 0:
        raise SynthError(f"`--steps {plan.settings.steps}` is less than 0", "0 keeps the start as it is")
