"""How a model is trained: `[training]` of a preset. Importing this imports no torch."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synthcli.config import Config
from synthcli.training.schedules import ScheduleConfig

PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]
DiagnosticName = Literal["gains", "entropy", "kurtosis", "correlation", "mixtures"]


class RateMultipliers(Config):
    """Factors of the learning rate for gains, and for ΔW of projections that start as fixed matrices."""

    gains: float = Field(1.0, ge=0)
    residual: float = Field(1.0, ge=0)


class OptimizerBase(Config):
    """`decay = "matrices"`: those of linear maps and embeddings decay, and nothing else."""

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    decay: Literal["matrices", "all"] = "matrices"
    rate_multipliers: RateMultipliers = RateMultipliers()

    @model_validator(mode="after")
    def _betas_are_rates(self) -> "OptimizerBase":
        for beta in self.betas:
            if not 0 <= beta < 1:
                raise ValueError(f"`betas` holds {beta}, allowed: at least 0 and below 1")
        return self


class AdamWConfig(OptimizerBase):
    """Adam with decoupled weight decay  (Loshchilov & Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"


class RAdamConfig(OptimizerBase):
    """Rectified Adam (Liu et al. 2020, arXiv 1908.03265) with decoupled weight decay."""

    kind: Literal["radam"] = "radam"


OptimizerConfig = Annotated[AdamWConfig | RAdamConfig, Field(discriminator="kind")]


class TrainingConfig(Config):
    """`steps` or `epochs` says how long; every other count is in optimizer steps.

    `precision = "auto"` is bf16 where the processor has it. `clip` bounds the gradient's norm, 0 leaves
    it alone. `validation_examples` are spread over the validation split; leave it out for all of them.
    `keep` counts the newest checkpoints; the best one is kept beside them. `deterministic` gives the same
    bits from the same steps on a GPU too, at some cost; on a processor they are anyway.
    """

    seed: int = Field(0, ge=0)
    steps: int | None = Field(None, gt=0)
    epochs: int | None = Field(None, gt=0)
    precision: PrecisionName = "auto"
    deterministic: bool = False
    clip: float = Field(1.0, ge=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    optimizer: OptimizerConfig = AdamWConfig()
    schedule: ScheduleConfig
    log_every: int = Field(10, gt=0)
    diagnostics: tuple[DiagnosticName, ...] = ()  # docs/diagnostics.md
    evaluate_every: int = Field(1000, gt=0)
    validation_examples: int | None = Field(None, gt=0)
    validation_batch_size: int = Field(64, gt=0)  # examples read at once; of streams all are
    save_every: int = Field(1000, gt=0)
    keep: int = Field(2, gt=0)

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "TrainingConfig":
        if (self.steps is None) == (self.epochs is None):
            got = "neither" if self.steps is None else "both"
            raise ValueError(f"exactly one of `steps` and `epochs` says how long to train, got {got}")
        return self

    def warnings(self, steps: int) -> tuple[str, ...]:
        """Return what is allowed and yet looks like a mistake, for a training of `steps`."""
        warmup_steps = self.schedule.warmup_steps
        if warmup_steps <= steps:
            return ()
        message = (
            f"`training.schedule.warmup_steps` = {warmup_steps} is longer than the training "
            f"of {steps} steps: the rate never reaches its peak"
        )
        return (message,)
