"""A claim: what somebody published, where, on what evidence, and what would test it."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Discriminator, Field, model_validator

from synthcli.claims.order import Relation, arms_in, parse_order
from synthcli.config import Config

Scale = Literal["smoke", "hour", "day", "paper"]
Equal = Literal["steps", "tokens", "flops", "time", "parameters"]
SCALES: tuple[Scale, ...] = get_args(Scale)
AT_START = ("attention-distance", "position-similarity")  # measured before anything is learnt


def largest(scales: Iterable[Scale]) -> Scale:
    """Return the largest of some scales."""
    return max(scales, key=SCALES.index)


class Setup(Config):
    """How a claim is tested at a scale: settings of all arms, how many seeds, what arms have as much of.

    `arms` replace those of the claim that have the same name. `minutes` are those of one run on one core,
    `effect` and `sigma` the difference that is expected and the deviation of a pair over seeds, where
    something said them: a budget is spent by them.
    """

    settings: tuple[str, ...] = ()
    arms: dict[str, str] = Field(default_factory=dict)
    seeds: int = Field(3, ge=2)
    equal: tuple[Equal, ...] = ("steps",)
    minutes: float | None = Field(None, gt=0)
    effect: float | None = None
    sigma: float | None = Field(None, gt=0)
    note: str = ""


class BaseClaim(Config):
    """What all kinds share.

    `measure` is what is measured: a word of `synth compare --metric`, or of ours (jobs/ledger/measures.py).
    `where` is the place in the publication, `printed` the figure as it stands there with its spread, of
    `printed_seeds` seeds where it says so. `source` is who said it: the paper, a repository (its own or
    another's), or an independent replication. `seen` tells where we read it, `second` a place that agrees.
    `arms` are words of `synth compare` by name. `cannot` tells for a scale why no test is possible there.
    """

    kind: str
    says: str = Field(min_length=1)
    where: str = Field(min_length=1)
    measure: str
    source: Literal["paper", "repository", "replication", "control", "ours"] = "paper"
    printed: str = ""
    printed_seeds: int | None = Field(None, gt=0)
    protocol: str = ""
    seen: str = Field(min_length=1)
    second: str = ""
    differs: str = ""
    arms: dict[str, str] = Field(default_factory=dict)
    at: dict[Scale, Setup] = Field(default_factory=dict)
    cannot: dict[Scale, str] = Field(default_factory=dict)
    note: str = ""

    why_not: ClassVar[str] = "no test at this scale is written down"

    @model_validator(mode="after")
    def _is_tested_or_not(self) -> "BaseClaim":
        for scale in self.at.keys() & self.cannot.keys():
            raise ValueError(f"`at.{scale}` and `cannot.{scale}` exclude each other")
        return self

    @property
    def is_counted(self) -> bool:
        """Whether it follows from presets alone."""
        return False

    @property
    def is_exact(self) -> bool:
        """Whether it is decided without training or timing anything."""
        return self.is_counted or self.measure in AT_START

    def reason_against(self, scale: Scale) -> str:
        """Return why it is not tested at a scale."""
        return self.cannot.get(scale, self.why_not)


class ValueClaim(BaseClaim):
    """A figure of one arm: `value ± spread`; `differs` says how its protocol is not ours."""

    kind: Literal["value"] = "value"
    value: float
    spread: float | None = Field(None, gt=0)

    why_not: ClassVar[str] = "a printed figure is of the published run: this scale has other data and models"


class CountClaim(BaseClaim):
    """A number that follows from a preset: of one arm, or of the first less the second; off by `within`."""

    kind: Literal["count"] = "count"
    measure: Literal["parameters", "trainable", "steps"] = "parameters"
    value: float
    within: float = Field(ge=0)
    vocab_size: int | None = Field(None, gt=0)

    why_not: ClassVar[str] = "it is counted at the scale of the paper, at no cost"

    @property
    def is_counted(self) -> bool:
        return True


class RatioClaim(BaseClaim):
    """A measure of the first arm over that of the second lies between `low` and `high`."""

    kind: Literal["ratio"] = "ratio"
    low: float
    high: float

    @property
    def is_counted(self) -> bool:
        return self.measure == "parameters"


class OrderingClaim(BaseClaim):
    """Arms from the best to the worst (claims/order.py); `>` by at least `by`, `=` within `margin`.

    It is called an equivalence where nothing is better than anything.
    """

    kind: Literal["ordering", "equivalence"] = "ordering"
    order: str
    by: float = Field(0.0, ge=0)
    margin: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _order_names_arms(self) -> "OrderingClaim":
        unknown = [arm for arm in arms_in(self.order) if arm not in self.arms]
        if unknown and self.arms:  # without any it speaks of what we do not hold
            raise ValueError(f"`order` names `{unknown[0]}`, which is none of `arms`")
        if self.margin is None and any(one.word == "equivalent" for one in self.relations):
            raise ValueError("`=` in `order` needs a `margin`, stated beforehand")
        return self

    @property
    def relations(self) -> tuple[Relation, ...]:
        return parse_order(self.order)


class TrajectoryClaim(BaseClaim):
    """A diagnostic of training that ends below a bound (`ends_below`), or above one (`ends_above`)."""

    kind: Literal["trajectory"] = "trajectory"
    ends_below: float | None = None
    ends_above: float | None = None


class EventClaim(BaseClaim):
    """Something that happens to some runs, and not to others."""

    kind: Literal["event"] = "event"


Claim = Annotated[
    ValueClaim | CountClaim | RatioClaim | OrderingClaim | TrajectoryClaim | EventClaim,
    Discriminator("kind"),
]
