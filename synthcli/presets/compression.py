"""How the weights of a compressed model are made from a teacher: `[compress]` of a preset."""

from typing import Literal

from pydantic import Field, model_validator

from synthcli.config import Config
from synthcli.presets.commands import VERBS, CompressMethod

Criterion = Literal["mse", "mse-scores", "ce-scores", "ce-logits", "cosine", "relation", "kl-output"]
Conditioned = Literal["teacher", "student", "corrected"]


class CompressConfig(Config):
    """What a paper does to a teacher to get this model; `synth train` trains its shape without one.

    `blocks` counts the teacher's layers from 0; `merge-layers` reads them `group` neighbours at a time.
    `conditioned` says what a block is trained on: the teacher's hidden states, those the student itself
    reaches, or the student's with the teacher's true outputs. `start` is a closed form, `random`, or `best`:
    the one that is ahead after a short trial. `epochs` or `steps` says how long each block is trained, and 0
    steps keep the start. `limit` counts the sequences of `data` to learn from, by default all.
    Healing adds `hidden` times the error of hidden states, divides logits by `temperature`, and changes the
    parameters that a pattern of `train_only` names, by default all. A `pipeline` probes, distils, and heals
    for `heal_steps` at `heal_learning_rate`.
    """

    method: CompressMethod
    teacher: str = Field(min_length=1)
    blocks: tuple[int, ...] = Field(min_length=1)
    criterion: Criterion = "mse"
    conditioned: Conditioned = "teacher"
    start: str = "best"
    epochs: int | None = Field(None, gt=0)
    steps: int | None = Field(None, ge=0)
    learning_rate: float = Field(gt=0)
    batch_size: int = Field(gt=0)
    sequence_length: int = Field(gt=0)
    data: str = Field(min_length=1)
    limit: int | None = Field(None, gt=0)
    group: int = Field(2, gt=1)
    hidden: float = Field(0.0, ge=0)
    temperature: float = Field(1.0, gt=0)
    train_only: tuple[str, ...] = ()
    heal_steps: int | None = Field(None, gt=0)
    heal_learning_rate: float | None = Field(None, gt=0)

    @property
    def verb(self) -> str:
        """The command that carries this out: `synth VERB --preset NAME`."""
        return VERBS[self.method]

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> "CompressConfig":
        if (self.steps is None) == (self.epochs is None):
            got = "neither" if self.steps is None else "both"
            raise ValueError(f"exactly one of `steps` and `epochs` says how long to train, got {got}")
        return self

    @model_validator(mode="after")
    def _blocks_are_layers(self) -> "CompressConfig":
        if any(block < 0 for block in self.blocks) or list(self.blocks) != sorted(set(self.blocks)):
            raise ValueError(
                f"`blocks` is {list(self.blocks)}, allowed: layers counted from 0, rising, each once"
            )
        return self

    @model_validator(mode="after")
    def _groups_are_neighbours(self) -> "CompressConfig":
        if self.method != "merge-layers":
            return self
        groups = [self.blocks[start : start + self.group] for start in range(0, len(self.blocks), self.group)]
        if any(group != tuple(range(group[0], group[0] + self.group)) for group in groups):
            what = "pairs" if self.group == 2 else f"groups of {self.group}"
            example = list(range(6, 6 + self.group))
            raise ValueError(
                f"`blocks` is {list(self.blocks)}, allowed: {what} of neighbours, such as {example}"
            )
        return self

    @model_validator(mode="after")
    def _pipelines_heal(self) -> "CompressConfig":
        for key in ("heal_steps", "heal_learning_rate"):
            if (getattr(self, key) is not None) != (self.method == "pipeline"):
                verb = "needs" if self.method == "pipeline" else "has no"
                raise ValueError(f'`method = "{self.method}"` {verb} `{key}`')
        return self

    def steps_of(self, sequences: int) -> int:
        """Return the steps of one block on so many sequences."""
        if self.steps is not None:
            return self.steps
        return (self.epochs or 0) * -(-sequences // self.batch_size)
