"""Students by name: what may stand in for a mixer of a teacher; the settings of each mixer say how.

Without a number a student of attention has the teacher's heads, half as wide: half of the parameters.
Encoders are read in both directions.
"""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from synthcli.errors import SynthError, did_you_mean
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.mixer import MixerSettings, StudentShape
from synthcli.model_config.mixers import MIXER_SETTINGS, MixerConfig
from synthcli.model_config.model import ModelConfig


@dataclass(frozen=True)
class StudentSpec:
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
    def student(self) -> StudentShape:
        """What the settings of a mixer are asked."""
        return StudentShape(
            self.config.d_model,
            self.own_heads,
            self.own_d_head,
            self.heads,
            self.d_head,
            self.teacher.dropout if isinstance(self.teacher, AttentionConfig) else 0.0,
            is_bidirectional=self.stack == "encoder",
        )


STUDENTS: dict[str, type[MixerSettings]] = {
    name: settings for settings in MIXER_SETTINGS.values() for name in settings.student_names()
}
MIXER: TypeAdapter[MixerConfig] = TypeAdapter(MixerConfig)


def rate_of(name: str) -> float:
    """Return the learning rate a student is trained at where nobody says."""
    return STUDENTS.get(name, MixerSettings).student_learning_rate


def student_config(name: str, spec: StudentSpec) -> MixerConfig:
    """Return the configuration of a student; what does not fit is refused with the reason."""
    if name not in STUDENTS:
        raise SynthError(f"unknown mixer `{name}`", did_you_mean(name, STUDENTS))
    for key, value in (("--heads", spec.heads), ("--d-k", spec.d_head)):
        if value is not None and value < 1:
            raise SynthError(f"`{key} {value}` is not a number of columns", "give 1 or more")
    table = STUDENTS[name].student(name, spec.student)
    try:
        config = MIXER.validate_python(table)
    except ValidationError as error:
        raise SynthError(
            f"mixer `{name}`: {error.errors()[0]['msg']}", "change `--heads` or `--d-k`"
        ) from None
    refuse_problems(config, spec)
    return config


def refuse_problems(config: MixerConfig, spec: StudentSpec) -> None:
    """Raise where a mixer does not fit the width of its model, or reads what its stack must not."""
    if spec.stack == "decoder" and config.reads_future is not None:
        raise SynthError(
            f"block {spec.layer}: {config.reads_future} reads the future, which a decoder has to predict",
            "choose another mixer",
        )
    for problem in config.problems(spec.config.d_model):
        raise SynthError(f"block {spec.layer}: {problem}", "change `--heads` or `--d-k`")


def describe_student(config: MixerConfig, d_model: int) -> str:
    """Return a student in a word or two: `attention 12 × 16`, `dense 12 × 32`, `sru`."""
    if not isinstance(config, AttentionConfig):
        return config.kind
    kinds = "+".join(score.kind for score in config.scores)
    word = "attention" if kinds == "dot-product" else kinds
    return f"{word} {config.heads} × {config.width_of_head(d_model)}"
