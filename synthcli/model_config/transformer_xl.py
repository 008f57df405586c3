"""Transformer-XL: attention with relative positions and a memory of the segments before."""

from typing import Literal

from pydantic import Field

from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixer import MixerSettings, StudentShape
from synthcli.model_config.projections import FullConfig
from synthcli.model_config.scores import RelativeConfig, ScoreConfig


class TransformerXLConfig(MixerSettings):
    """`memory` is how many positions before a segment training sees, by default those of the segment before.

    Evaluation sees `evaluation.window`. `dropout` acts on the attention weights; `bias` is that of the values
    and the output.
    """

    kind: Literal["transformer-xl"] = "transformer-xl"
    heads: int = Field(8, gt=0)
    d_head: int | None = Field(None, gt=0)
    memory: int | None = Field(None, gt=0)
    scores: tuple[ScoreConfig, ...] = Field((RelativeConfig(),), min_length=1)
    bias: bool = False
    dropout: float = Field(0.0, ge=0, lt=1)

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """Heads and widths are the teacher's unless they are asked for."""
        heads, d_head = shape.heads or shape.teacher_heads, shape.d_head or shape.teacher_d_head
        return {"kind": cls.name(), "heads": heads, "d_head": d_head, "dropout": shape.dropout}

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width."""
        return self.attention.problems(d_model)

    @property
    def attention(self) -> AttentionConfig:
        """The attention over memory and segment."""
        return AttentionConfig(
            heads=self.heads,
            d_head=self.d_head,
            scores=self.scores,
            dropout=self.dropout,
            value=FullConfig(bias=self.bias),
            output=FullConfig(bias=self.bias),
        )
