"""Linformer: attention over keys and values whose length is projected to k."""

from typing import ClassVar, Literal

from pydantic import Field

from synthcli.model_config.mixer import MixerSettings, StudentShape


class LinformerConfig(MixerSettings):
    """`k` is the length that keys and values are projected to, from the `max_length` of their stack.

    `sharing`: each head has its own E and F ("none"), all heads share both ("heads"), or one E serves keys
    and values of all heads ("key-value"). `dropout` acts on the attention weights.
    """

    kind: Literal["linformer"] = "linformer"
    heads: int = Field(8, gt=0)
    d_head: int | None = Field(None, gt=0)
    k: int = Field(128, gt=0)
    sharing: Literal["none", "heads", "key-value"] = "none"
    dropout: float = Field(0.0, ge=0, lt=1)

    carries: ClassVar[Literal["nothing"]] = "nothing"

    @property
    def reads_future(self) -> str:
        """A row of E K is a sum over the whole sequence."""
        return '`kind = "linformer"`'

    @property
    def has_length_limit(self) -> bool:
        """E and F have a column a position."""
        return True

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """Heads and widths are the teacher's unless they are asked for."""
        heads, d_head = shape.heads or shape.teacher_heads, shape.d_head or shape.teacher_d_head
        return {"kind": cls.name(), "heads": heads, "d_head": d_head, "dropout": shape.dropout}

    def width_of_head(self, d_model: int) -> int:
        """Return d_head; by default the heads share the width."""
        return self.d_head or d_model // self.heads

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width."""
        if self.d_head is None and d_model % self.heads:
            return [f"`heads = {self.heads}` does not divide `d_model = {d_model}`"]
        return []
