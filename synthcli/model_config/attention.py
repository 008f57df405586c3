"""Attention, whatever fills its scores."""

from typing import ClassVar, Literal, get_args

from pydantic import Field, model_validator

from synthcli.model_config.mixer import MixerSettings, StudentShape
from synthcli.model_config.projections import FullConfig, ProjectionConfig, ResidualConfig
from synthcli.model_config.scores import DotProductConfig, ScoreConfig
from synthcli.model_config.shaping import ShapingConfig

MixName = Literal["softmax", "sum", "gate"]
EVEN = 0.5  # where a gate weighs both scores alike


def gate_problem(mix: MixName, gate_init: float) -> str | None:
    """Return what is wrong with where a gate starts."""
    if mix == "gate" or gate_init == EVEN:
        return None
    return (
        f'`gate_init = {gate_init}` is where a gate starts, and `mix = "{mix}"` has none; use `mix = "gate"`'
    )


class AttentionConfig(MixerSettings):
    """`dropout` acts on the attention weights; weights that the batch shares are dropped for all of it.
    `gate_init` is the weight of the second score where a gate of `mix = "gate"` starts.

    `first_value` takes the place of `value` in the first layer, `last_output` that of `output` in the last.
    `tie_init` makes the fixed part of `output` the transpose of that of `value` in every layer, or in the
    last that of all before it: what is orthogonal is undone.
    """

    kind: Literal["attention"] = "attention"
    heads: int = Field(8, gt=0)
    d_head: int | None = Field(None, gt=0)
    scores: tuple[ScoreConfig, ...] = Field((DotProductConfig(),), min_length=1)
    mix: MixName = "softmax"
    gate_init: float = Field(EVEN, gt=0, lt=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    value: ProjectionConfig = FullConfig()
    first_value: ProjectionConfig | None = None
    output: ProjectionConfig = FullConfig()
    last_output: ProjectionConfig | None = None
    tie_init: Literal["none", "last-block", "all-blocks"] = "none"
    shaping: ShapingConfig | None = None

    carries: ClassVar[Literal["context"]] = "context"

    @model_validator(mode="after")
    def _gate_takes_two(self) -> "AttentionConfig":
        if self.mix == "gate" and len(self.scores) not in (1, 2):
            raise ValueError(
                f'`mix = "gate"` weighs two scores, got {len(self.scores)}; use "softmax" or "sum"'
            )
        if problem := gate_problem(self.mix, self.gate_init):
            raise ValueError(problem)
        return self

    @classmethod
    def student_names(cls) -> tuple[str, ...]:
        """Return `attention`, of dot products, and a name for each other score."""
        kinds = [score.model_fields["kind"].default for score in get_args(get_args(ScoreConfig)[0])]
        return (cls.name(), *(kind for kind in kinds if kind != "dot-product"))

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """Attention is half as wide, unless heads or width are asked for: the other is then the teacher's.

        Another score keeps heads and width, and spares queries and keys.
        """
        asked = shape.heads is not None or shape.d_head is not None
        is_halved = name == cls.name() and not asked
        d_head = max(1, shape.teacher_d_head // 2) if is_halved else shape.d_head or shape.teacher_d_head
        heads = shape.heads or shape.teacher_heads
        table = {"kind": cls.name(), "heads": heads, "d_head": d_head, "dropout": shape.dropout}
        return table if name == cls.name() else table | {"scores": [{"kind": name}]}

    def width_of_head(self, d_model: int) -> int:
        """Return d_head; by default the heads share the width."""
        return self.d_head or d_model // self.heads

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width."""
        if self.d_head is None and d_model % self.heads:
            return [f"`heads = {self.heads}` does not divide `d_model = {d_model}`"]
        for score in self.scores:
            if getattr(score, "input", None) == "head" and d_model % self.heads:
                sizes = f"`heads = {self.heads}` does not divide `d_model = {d_model}`"
                what = f'a `{score.kind}` score with `input = "head"` gives each head a slice of the input'
                return [f'{what}, and {sizes}; use `input = "model"`']
        inner = self.heads * self.width_of_head(d_model)
        if inner != d_model and any(getattr(score, "query", None) == "input" for score in self.scores):
            sizes = f"`heads = {self.heads}` times `d_head = {self.d_head}` is {inner}"
            return [
                f'`query = "input"` makes queries {d_model} wide, and {sizes}; use `query = "projection"`'
            ]
        projections = (self.value, self.first_value, self.output, self.last_output)
        fixed = [p for p in projections if p is not None and p.kind != "full"]
        if fixed and inner != d_model:
            sizes = f"`heads = {self.heads}` times `d_head = {self.d_head}` is {inner}"
            return [f'a projection of kind "{fixed[0].kind}" needs {d_model} columns, and {sizes}']
        return [] if self.tie_init == "none" else self._find_untied()

    def _find_untied(self) -> list[str]:
        """Return the projections that have no fixed part to tie, or an output one that cannot change."""
        values = {"value": self.value, "first_value": self.first_value}
        outputs = {"output": self.output, "last_output": self.last_output}
        loose = [name for name, p in values.items() if p is not None and p.kind == "full"]
        for name, p in outputs.items():
            if p is not None and not (isinstance(p, ResidualConfig) and p.init != "identity"):
                loose.append(name)
        return [
            f'`tie_init = "{self.tie_init}"` ties fixed parts of projections, and `{name}` has none; use '
            '{kind = "residual", init = "orthogonal"}'
            for name in loose
        ]
