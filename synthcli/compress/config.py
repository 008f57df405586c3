"""How a teacher is compressed: `[compress]` of a preset, by method. Importing this imports no torch.

A field is an option: a key of TOML, `--set compress.KEY=VALUE`, an argument of `synthcli.distill`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from synthcli.compress.option_values import Conditioned, Criterion, Formula, MergeStart
from synthcli.config import Config
from synthcli.training.config import AdamWConfig, PrecisionName, TrainingConfig
from synthcli.training.schedules import CosineConfig
from synthcli.variables import LARGEST_SEED

Momentum = Annotated[float, Field(ge=0, lt=1)]
Layers = Annotated[tuple[int, ...], Field(min_length=1)] | Literal["all"]
FIRST = ("method", "teacher", "blocks")  # where a table is written
TRIAL, LEAST_TRIAL = 10, 20  # a trial takes a tenth of the steps, and so many at least


class TextConfig(Config):
    """Text to compress on; None is what the teacher's run says. `max_length` counts tokens of a sequence."""

    corpus: str | None = Field(None, min_length=1)
    source: str | None = Field(None, min_length=1)
    max_length: int | None = Field(None, ge=3)


class TeacherConfig(TextConfig):
    """Whose student is made: the newest encoder where nobody says. `seed` draws whatever is drawn."""

    teacher: str | None = Field(None, min_length=1)
    seed: int = Field(0, ge=0, le=LARGEST_SEED)


class RecordingConfig(TeacherConfig):
    """Which layers, counted from 0, are looked at, on how many sequences, by default all.

    `cache_limit` is the largest recording in bytes.
    """

    blocks: Layers = "all"
    limit: int | None = Field(None, gt=0)
    cache_limit: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _blocks_are_layers(self) -> "RecordingConfig":
        if self.blocks == "all":
            return self
        twice = [block for number, block in enumerate(self.blocks) if block in self.blocks[:number]]
        if twice:
            raise ValueError(f"block {twice[0]} is named twice, name every block once")
        if any(block < 0 for block in self.blocks) or list(self.blocks) != sorted(self.blocks):
            raise ValueError(
                f"`blocks` is {list(self.blocks)}, allowed: layers counted from 0, rising, each once"
            )
        return self

    def layers_among(self, count: int) -> tuple[int, ...]:
        """Return the layers meant of so many."""
        return tuple(range(count)) if self.blocks == "all" else self.blocks


class StepsConfig(Config):
    """`steps` or `epochs` says how long to train, and 0 steps keep the start."""

    steps: int = Field(400, ge=0)
    epochs: int | None = Field(None, gt=0)
    batch_size: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "StepsConfig":
        if self.epochs is not None and "steps" in self.model_fields_set:
            raise ValueError("one of `steps` and `epochs` says how long to train, got both")
        return self

    @model_serializer(mode="wrap")
    def _one_of_both(self, written: SerializerFunctionWrapHandler) -> dict[str, object]:
        table = dict(written(self))
        if self.epochs is not None:
            del table["steps"]
        return {key: table[key] for key in FIRST if key in table} | table


class FitConfig(StepsConfig):
    """How a student is trained on recorded activations. `warmup` is a share of the steps.

    `dropout` is that of its maps of attention while it trains. After `patience` steps a student whose NMSE
    is not below `collapsed` has not learnt: 1.0 is the mean.
    """

    batch_size: int = Field(32, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.04, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    betas: tuple[Momentum, Momentum] = (0.9, 0.999)
    dropout: float = Field(0.0, ge=0, lt=1)
    clip: float = Field(1.0, ge=0)
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    precision: PrecisionName = "fp32"
    evaluations: int = Field(8, gt=0)
    patience: int = Field(200, gt=0)
    collapsed: float = Field(0.98, gt=0)

    @property
    def evaluate_every(self) -> int:
        return max(1, -(-self.steps // self.evaluations))

    def training(self) -> TrainingConfig:
        """Return the settings of the one training loop."""
        return TrainingConfig(
            seed=self.seed,
            steps=self.steps,
            precision=self.precision,
            clip=self.clip,
            optimizer=AdamWConfig(betas=self.betas, weight_decay=self.weight_decay),
            schedule=CosineConfig(peak=self.learning_rate, warmup_steps=round(self.warmup * self.steps)),
        )

    def on(self, sequences: int) -> Self:
        """Return the same with the steps that its epochs come to on so many sequences."""
        if self.epochs is None:
            return self
        steps = self.epochs * -(-sequences // self.batch_size)
        return self.model_copy(update={"steps": steps, "epochs": None})

    def for_trial(self) -> Self:
        """Return the same for the short trial of one start of several."""
        steps = min(self.steps, max(LEAST_TRIAL, self.steps // TRIAL))
        return self.model_copy(update={"steps": steps, "evaluations": 1})


class BlocksConfig(RecordingConfig, FitConfig):
    """Other mixers for those of `blocks`; without `mixer`, `heads` and `d_head` those of the preset's model.

    `conditioned` says what a block is trained on: the teacher's hidden states, those the student itself
    reaches, or the student's with the teacher's true outputs. `start` is a closed form, `random`, or `best`:
    the one that is ahead after a short trial.
    """

    mixer: str | None = Field(None, min_length=1)
    heads: int | None = Field(None, gt=0)
    d_head: int | None = Field(None, gt=0)
    criterion: Criterion = "mse"
    relation_heads: int | None = Field(None, gt=0)
    conditioned: Conditioned = "teacher"
    start: Formula = "best"

    @property
    def names_students(self) -> bool:
        """Whether it says itself what stands in for a mixer."""
        return any(one is not None for one in (self.mixer, self.heads, self.d_head))


class DistillConfig(BlocksConfig):
    """Blocks distilled, and nothing after."""

    method: Literal["distill-block"] = "distill-block"


class HealingConfig(Config):
    """What healing is towards: `hidden` weighs the error of hidden states, `temperature` divides logits.

    Of the parameters those learn that a pattern of `train_only` names, by default all.
    """

    hidden: float = Field(0.0, ge=0)
    temperature: float = Field(1.0, gt=0)
    train_only: tuple[str, ...] = ()


class PipelineConfig(BlocksConfig, HealingConfig):
    """Probe the blocks, distill them, and heal for `heal_steps` at `heal_learning_rate`."""

    method: Literal["pipeline"] = "pipeline"
    heal_steps: int = Field(gt=0)
    heal_learning_rate: float = Field(gt=0)


class MergedLayerConfig(Config):
    """What a merged layer is to have, None being what its layers have; `seed` draws what is random."""

    heads: int | None = Field(None, gt=0)
    d_head: int | None = Field(None, gt=0)
    d_ff: int | None = Field(None, gt=0)
    seed: int = Field(0, ge=0, le=LARGEST_SEED)


class MergeConfig(MergedLayerConfig, RecordingConfig, FitConfig):
    """One layer in place of `group` neighbours among `blocks`, which are read so many at a time."""

    method: Literal["merge-layers"] = "merge-layers"
    group: int = Field(2, gt=0)
    conditioned: Conditioned = "teacher"
    start: MergeStart = "best"

    @property
    def groups(self) -> list[tuple[int, ...]]:
        """Neighbours that become one layer; none are all there are."""
        if self.blocks == "all":
            return []
        return [self.blocks[at : at + self.group] for at in range(0, len(self.blocks), self.group)]

    @model_validator(mode="after")
    def _groups_are_neighbours(self) -> "MergeConfig":
        if self.group == 1:
            one = "" if self.blocks == "all" else f"`{self.blocks[0]}` is one layer, and "
            raise ValueError(f"{one}merging takes two or more: name a neighbour too")
        for group in self.groups:
            if group != tuple(range(group[0], group[0] + self.group)):
                shown = " ".join(str(layer) for layer in group)
                expected = " ".join(str(layer) for layer in range(group[0], group[0] + self.group))
                raise ValueError(
                    f"layers `{shown}` are not neighbours in rising order, {self.group} to a group, such as "
                    f"`{expected}`"
                )
        return self


class HealConfig(TeacherConfig, HealingConfig, StepsConfig):
    """A student trained as a whole; `plain` text has nothing hidden: for encoders whose states are used.

    The teacher is the one that the student was made of, `batch_size` that of the teacher's preset.
    """

    method: Literal["heal"] = "heal"
    steps: int = Field(1000, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    plain: bool = False


class ProbeConfig(RecordingConfig):
    """What every replacement costs in every layer; without names, every one there is."""

    method: Literal["probe"] = "probe"
    replacements: tuple[str, ...] = ()


CompressConfig = Annotated[
    DistillConfig | MergeConfig | HealConfig | ProbeConfig | PipelineConfig, Field(discriminator="method")
]
CONFIGS: dict[str, type[CompressConfig]] = {
    "distill-block": DistillConfig,
    "merge-layers": MergeConfig,
    "heal": HealConfig,
    "probe": ProbeConfig,
    "pipeline": PipelineConfig,
}


class Alone(Config):
    """The settings of a command that no preset is named for."""

    compress: CompressConfig
