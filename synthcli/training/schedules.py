"""Learning rates: pure functions of the step, counted from 1. Importing this imports no torch."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from synthcli.config import Config


class NoamConfig(Config):
    """`factor` scales the rate; it peaks at `warmup_steps`."""

    kind: Literal["noam"] = "noam"
    factor: float = Field(1.0, gt=0)
    warmup_steps: int = Field(gt=0)


def noam(config: NoamConfig, step: int, steps: int, d_model: int) -> float:
    """factor · d_model^-½ · min(s^-½, s · w^-1.5)  (Vaswani et al. 2017, equation 3)."""
    return float(config.factor * d_model**-0.5 * min(step**-0.5, step * config.warmup_steps**-1.5))


class CosineConfig(Config):
    """Linear to `peak` at `warmup_steps`, then half a cosine that is at `floor` in the last step."""

    kind: Literal["cosine"] = "cosine"
    peak: float = Field(gt=0)
    warmup_steps: int = Field(0, ge=0)
    floor: float = Field(0.0, ge=0)


def cosine(config: CosineConfig, step: int, steps: int, d_model: int) -> float:
    """floor + (peak − floor) · (1 + cos πp) / 2, p from 0 at the end of warm-up to 1.

    Loshchilov & Hutter 2017, equation 5.
    """
    if step <= config.warmup_steps:
        return warmup(config.peak, step, config.warmup_steps)
    progress = (step - config.warmup_steps) / (steps - config.warmup_steps)
    return config.floor + (config.peak - config.floor) * (1 + math.cos(math.pi * progress)) / 2


class LinearScheduleConfig(Config):
    """Linear to `peak` at `warmup_steps`, then linear to `floor` in the last step."""

    kind: Literal["linear"] = "linear"
    peak: float = Field(gt=0)
    warmup_steps: int = Field(0, ge=0)
    floor: float = Field(0.0, ge=0)


def linear(config: LinearScheduleConfig, step: int, steps: int, d_model: int) -> float:
    """peak + (floor − peak) · p, p from 0 at the end of warm-up to 1."""
    if step <= config.warmup_steps:
        return warmup(config.peak, step, config.warmup_steps)
    progress = (step - config.warmup_steps) / (steps - config.warmup_steps)
    return config.peak + (config.floor - config.peak) * progress


class ConstantConfig(Config):
    """Linear to `peak` at `warmup_steps`, and there it stays."""

    kind: Literal["constant"] = "constant"
    peak: float = Field(gt=0)
    warmup_steps: int = Field(0, ge=0)


def constant(config: ConstantConfig, step: int, steps: int, d_model: int) -> float:
    """min(peak, peak · s / w)."""
    return warmup(config.peak, step, config.warmup_steps) if step <= config.warmup_steps else config.peak


def warmup(peak: float, step: int, warmup_steps: int) -> float:
    return peak * step / warmup_steps


Schedule = Callable[[Any, int, int, int], float]

SCHEDULES: dict[str, Schedule] = {
    "noam": noam,
    "cosine": cosine,
    "linear": linear,
    "constant": constant,
}

ScheduleConfig = Annotated[
    NoamConfig | CosineConfig | LinearScheduleConfig | ConstantConfig, Field(discriminator="kind")
]


def learning_rate(config: ScheduleConfig, step: int, steps: int, d_model: int) -> float:
    """Return the rate of one step of `steps`; `d_model` matters to Noam's only."""
    return SCHEDULES[config.kind](config, step, steps, d_model)
