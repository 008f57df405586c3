"""Students by name: what may stand in for a mixer of a teacher. Adding one is a line in `STUDENTS`.

Without a number a student of attention has the teacher's heads, half as wide: half of the parameters;
synthesizers keep heads and width, and spare queries and keys. Encoders are read in both directions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from synthcli.errors import SynthError, did_you_mean
from synthcli.model import ModelConfig
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixers import LinearConfig, MixerConfig, NoneConfig
from synthcli.model_config.recurrent import SRUConfig, SRUppConfig


@dataclass(frozen=True)
class Shape:
    """What is asked of a student, None being the teacher's or its half; and where it is to stand."""

    config: ModelConfig
    stack: str
    layer: int
    heads: int | None = None
    d_head: int | None = None

    @property
    def teacher(self) -> MixerConfig:
        return self.config.mixer_of(getattr(self.config, self.stack), self.layer)

    @property
    def own_heads(self) -> int:
        """The teacher's heads; one where it has none."""
        return int(getattr(self.teacher, "heads", 1))

    @property
    def own_d_head(self) -> int:
        if isinstance(self.teacher, AttentionConfig):
            return self.teacher.width_of_head(self.config.d_model)
        return max(1, self.config.d_model // self.own_heads)

    @property
    def dropout(self) -> float:
        return self.teacher.dropout if isinstance(self.teacher, AttentionConfig) else 0.0

    @property
    def is_bidirectional(self) -> bool:
        return self.stack == "encoder"


def attention(shape: Shape) -> dict[str, Any]:
    """Half as wide, unless heads or width are asked for: the other is then the teacher's."""
    asked = shape.heads is not None or shape.d_head is not None
    d_head = shape.d_head or (shape.own_d_head if asked else max(1, shape.own_d_head // 2))
    return {
        "kind": "attention",
        "heads": shape.heads or shape.own_heads,
        "d_head": d_head,
        "dropout": shape.dropout,
    }


def synthesizer(kind: str) -> Callable[[Shape], dict[str, Any]]:
    """Return what makes a student with one score function in place of dot products."""

    def made(shape: Shape) -> dict[str, Any]:
        heads, d_head = shape.heads or shape.own_heads, shape.d_head or shape.own_d_head
        table = {"kind": "attention", "heads": heads, "d_head": d_head, "dropout": shape.dropout}
        return table | {"scores": [{"kind": kind}]}

    return made


def sru(shape: Shape) -> dict[str, Any]:
    """The block's own skip passes the input on, so the highway has none."""
    refuse_heads("sru", shape)
    return {"kind": "sru", "bidirectional": shape.is_bidirectional, "skip": False, **hidden(shape)}


def srupp(shape: Shape) -> dict[str, Any]:
    """z is as wide as all heads together."""
    heads, d_head = shape.heads or 1, shape.d_head or max(1, shape.config.d_model // 4)
    table = {"kind": "srupp", "heads": heads, "projection": heads * d_head, "skip": False}
    return table | {"bidirectional": shape.is_bidirectional, **hidden(shape)}


def hidden(shape: Shape) -> dict[str, Any]:
    """The width of a direction, where the model's cannot be halved."""
    is_odd = shape.is_bidirectional and shape.config.d_model % 2
    return {"hidden": (shape.config.d_model + 1) // 2} if is_odd else {}


def linear(shape: Shape) -> dict[str, Any]:
    """One map at every position."""
    refuse_heads("linear", shape)
    return {"kind": "linear"}


def none(shape: Shape) -> dict[str, Any]:
    """The mean of what the teacher says."""
    refuse_heads("none", shape)
    return {"kind": "none"}


STUDENTS: dict[str, Callable[[Shape], dict[str, Any]]] = {
    "attention": attention,
    "dense": synthesizer("dense"),
    "random": synthesizer("random"),
    "factorized-dense": synthesizer("factorized-dense"),
    "factorized-random": synthesizer("factorized-random"),
    "sru": sru,
    "srupp": srupp,
    "linear": linear,
    "none": none,
}

CONFIGS: dict[str, Any] = {
    "attention": AttentionConfig,
    "sru": SRUConfig,
    "srupp": SRUppConfig,
    "linear": LinearConfig,
    "none": NoneConfig,
}


RATE = 1e-3
# of a recurrence: by chance, after 200 steps on a sentence encoder, NMSE 0.60 and 0.65, at 1e-3 0.71 and 0.78
RATES = {"sru": 5e-3, "srupp": 5e-3}


def rate_of(name: str) -> float:
    """Return the learning rate a student is trained at where nobody says."""
    return RATES.get(name, RATE)


def student_config(name: str, shape: Shape) -> MixerConfig:
    """Return the configuration of a student; what does not fit is refused with the reason."""
    if name not in STUDENTS:
        raise SynthError(f"unknown mixer `{name}`", did_you_mean(name, STUDENTS))
    for key, value in (("--heads", shape.heads), ("--d-k", shape.d_head)):
        if value is not None and value < 1:
            raise SynthError(f"`{key} {value}` is not a number of columns", "give 1 or more")
    table = STUDENTS[name](shape)
    try:
        config: MixerConfig = CONFIGS[table["kind"]].model_validate(table)
    except ValidationError as error:
        raise SynthError(
            f"mixer `{name}`: {error.errors()[0]['msg']}", "change `--heads` or `--d-k`"
        ) from None
    refuse_problems(config, shape)
    return config


def refuse_problems(config: MixerConfig, shape: Shape) -> None:
    """Raise where a mixer does not fit the width of its model."""
    for problem in config.problems(shape.config.d_model):
        raise SynthError(f"block {shape.layer}: {problem}", "change `--heads` or `--d-k`")


def refuse_heads(name: str, shape: Shape) -> None:
    """Raise where a student without heads is given some."""
    for key, value in (("--heads", shape.heads), ("--d-k", shape.d_head)):
        if value is not None:
            message = f"`{key} {value}` has no meaning for `--mixer {name}`, which has no heads"
            raise SynthError(message, "leave it out, or choose another mixer")


def name_of(config: MixerConfig, d_model: int) -> str:
    """Return a student in a word or two: `attention 12 × 16`, `dense 12 × 32`, `sru`."""
    if not isinstance(config, AttentionConfig):
        return config.kind
    kinds = "+".join(score.kind for score in config.scores)
    word = "attention" if kinds == "dot-product" else kinds
    return f"{word} {config.heads} × {config.width_of_head(d_model)}"
