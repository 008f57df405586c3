"""Lightweight and dynamic convolution."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from synthcli.model_config.mixer import MixerSettings, StudentShape


def _as_tuple(value: object) -> object:
    """Return one kernel as that of all layers; a list as a tuple, which strict checks ask for behind this."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


class ConvolutionConfig(MixerSettings):
    """What both convolutions share. Channels of a head have one kernel.

    `kernel` is the number of positions that a kernel covers, of each layer in turn; the last is that of all
    further layers. A softmax over one position would be 1. `gated` puts a gated linear unit before, where
    else a linear map stands. `dropout` drops single weights of a kernel behind the softmax (DropConnect).
    """

    heads: int = Field(8, gt=0)
    kernel: Annotated[
        tuple[Annotated[int, Field(gt=1)], ...], BeforeValidator(_as_tuple), Field(min_length=1)
    ] = (3, 7, 15, 31)
    gated: bool = True
    dropout: float = Field(0.0, ge=0, lt=1)

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """Heads are the teacher's unless they are asked for; they share the width. One kernel of 31."""
        replace(shape, heads=None).refuse_heads(name, "whose heads share the width")
        heads = shape.heads or shape.teacher_heads
        return {"kind": cls.name(), "heads": heads, "kernel": (31,), "dropout": shape.dropout}

    def kernel_of(self, layer: int) -> int:
        """Return the positions that the kernel of a layer covers."""
        return self.kernel[min(layer, len(self.kernel) - 1)]

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width."""
        if d_model % self.heads:
            return [f"`heads = {self.heads}` does not divide `d_model = {d_model}`"]
        return []


class LightweightConvolutionConfig(ConvolutionConfig):
    """A kernel a head, the same at every position."""

    kind: Literal["lightweight-convolution"] = "lightweight-convolution"


class DynamicConvolutionConfig(ConvolutionConfig):
    """A kernel a head and position, made from what stands there."""

    kind: Literal["dynamic-convolution"] = "dynamic-convolution"
