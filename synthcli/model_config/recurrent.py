"""SRU and SRU++."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from synthcli.model_config.attention import EVEN, AttentionConfig, MixName, gate_problem
from synthcli.model_config.mixer import MixerSettings, StudentShape
from synthcli.model_config.projections import FullConfig, IdentityConfig
from synthcli.model_config.scores import DotProductConfig, ScoreConfig

OWN_DOT_PRODUCT: dict[str, object] = {"query": "input", "bias": False}


class RecurrentConfig(MixerSettings):
    """What SRU and SRU++ share. `hidden` is the width of a direction, by default d_model over all directions.

    `rescale` multiplies the skipped input, by √(1 + 2 exp(highway_bias)) or by the number that it is; an
    input of another width is skipped as it is. `weight_c = false` is v1: gates do not read the state.
    `dropout` (by default the model's) drops columns of h for a whole sequence, except in the last layer.
    """

    hidden: int | None = Field(None, gt=0)
    bidirectional: bool = False
    highway_bias: float = 0.0
    rescale: bool | Annotated[float, Field(gt=0, allow_inf_nan=False)] = False
    weight_c: bool = True
    skip: bool = True
    layer_norm: Literal["none", "before", "after"] = "none"
    dropout: float | None = Field(None, ge=0, lt=1)

    runs_recurrence: ClassVar[bool] = True
    # by chance, after 200 steps on a sentence encoder, NMSE 0.60 and 0.65; at 1e-3 0.71 and 0.78
    student_learning_rate: ClassVar[float] = 5e-3

    @model_validator(mode="after")
    def _rescales_a_skip(self) -> "RecurrentConfig":
        if self.rescale and not self.skip:
            raise ValueError("`rescale` scales the skipped input, and `skip = false` has none")
        return self

    def width_of_output(self, d_model: int) -> int:
        """Return D, the columns of h over all directions."""
        return d_model if self.hidden is None else self.hidden * (1 + self.bidirectional)

    @property
    def reads_future(self) -> str | None:
        """Both directions do."""
        return "`bidirectional`" if self.bidirectional else None

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width."""
        if self.bidirectional and self.hidden is None and d_model % 2:
            return [f"`bidirectional` halves `d_model = {d_model}`, which is odd; set `hidden`"]
        return []

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """The block's own skip passes the input on, so the highway has none; an odd width is rounded up."""
        table = {"kind": cls.name(), "bidirectional": shape.is_bidirectional, "skip": False}
        is_odd = shape.is_bidirectional and shape.d_model % 2
        return table | ({"hidden": (shape.d_model + 1) // 2} if is_odd else {})


class SRUConfig(RecurrentConfig):
    """`projection` replaces the input's linear map by two, of that rank."""

    kind: Literal["sru"] = "sru"
    projection: int | None = Field(None, gt=0)

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """As every recurrence, without heads."""
        shape.refuse_heads(name)
        return super().student(name, shape)


class SRUppConfig(RecurrentConfig):
    """`projection` is the width of z. Attention stands in every `attention_every`-th layer, or in the last
    `attention_last`: 0 for none.

    `attention_gain = false` leaves out α, which is then 1.

    `memory_from = "stream"` gives a memory that was not normalised to a layer with `layer_norm = "before"`,
    as the original repository does; it exists to import its checkpoints.
    """

    kind: Literal["srupp"] = "srupp"
    highway_bias: float = -2.0
    projection: int = Field(gt=0)
    heads: int = Field(1, gt=0)
    scores: tuple[ScoreConfig, ...] = Field((DotProductConfig(),), min_length=1, validate_default=True)
    mix: MixName = "softmax"
    gate_init: float = Field(EVEN, gt=0, lt=1)
    attention_dropout: float = Field(0.0, ge=0, lt=1)
    attention_every: int = Field(1, gt=0)
    attention_last: int | None = Field(None, ge=0)
    attention_gain: bool = True
    inner_norm: bool = True
    memory_from: Literal["norm", "stream"] = "norm"

    @model_validator(mode="after")
    def _queries_are_z(self) -> "SRUppConfig":
        """A dot product takes z itself for the query and has no biases, unless it says otherwise."""
        object.__setattr__(self, "scores", tuple(with_own_query(score) for score in self.scores))
        return self

    @model_validator(mode="after")
    def _heads_divide_z(self) -> "SRUppConfig":
        if self.projection % self.heads:
            raise ValueError(f"`heads = {self.heads}` does not divide `projection = {self.projection}`")
        if problem := gate_problem(self.mix, self.gate_init):
            raise ValueError(problem)
        return self

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """z is as wide as all heads together."""
        heads, d_head = shape.heads or 1, shape.d_head or max(1, shape.d_model // 4)
        return super().student(name, shape) | {"heads": heads, "projection": heads * d_head}

    def has_attention(self, layer: int, layers: int) -> bool:
        """Return whether the layer has attention."""
        if self.attention_last is not None:
            return layer >= layers - self.attention_last
        return (layer + 1) % self.attention_every == 0

    @property
    def attention(self) -> AttentionConfig:
        """The attention on z: no output projection, and values without bias."""
        return AttentionConfig(
            heads=self.heads,
            scores=self.scores,
            mix=self.mix,
            gate_init=self.gate_init,
            dropout=self.attention_dropout,
            value=FullConfig(bias=False),
            output=IdentityConfig(),
        )


def with_own_query(score: ScoreConfig) -> ScoreConfig:
    """Return a dot product that takes its input for the query where it leaves that open."""
    if not isinstance(score, DotProductConfig):
        return score
    left_open = {key: value for key, value in OWN_DOT_PRODUCT.items() if key not in score.model_fields_set}
    return score.model_copy(update=left_open)
