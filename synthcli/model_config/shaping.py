"""Shaped attention: (α I + β A − γ C) V."""

from typing import Literal

from pydantic import model_validator

from synthcli.config import Config

PartName = Literal["identity", "attention", "centre"]
PARTS: tuple[PartName, ...] = ("identity", "attention", "centre")


class ShapingConfig(Config):
    """`identity` α, `attention` β, `centre` γ; 0 without training leaves a part out. `trainable` may name
    those that learn."""

    identity: float = 1.0
    attention: float = 1.0
    centre: float = 1.0
    trainable: bool | tuple[PartName, ...] = True
    per_head: bool = True

    @model_validator(mode="after")
    def _is_something(self) -> "ShapingConfig":
        if not self.trainable and self.identity == self.attention == 0:
            raise ValueError("`identity = 0` and `attention = 0` leave nothing of the input")
        return self

    @property
    def trainable_parts(self) -> tuple[PartName, ...]:
        """The parts whose gains are parameters."""
        wanted = PARTS if self.trainable is True else self.trainable or ()
        return tuple(name for name in PARTS if name in wanted)
