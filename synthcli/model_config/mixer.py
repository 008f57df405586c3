"""What the settings of every mixer say of it, so that nobody asks which mixer it is."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from synthcli.config import Config
from synthcli.errors import SynthError


@dataclass(frozen=True)
class StudentShape:
    """What a student takes the place of, and which heads were asked for, None where nobody did.

    A teacher without heads counts as one of the model's width.
    """

    d_model: int
    teacher_heads: int
    teacher_d_head: int
    heads: int | None = None
    d_head: int | None = None
    dropout: float = 0.0
    is_bidirectional: bool = False

    def refuse_heads(self, name: str, reason: str = "which has no heads") -> None:
        """Raise where a student without heads is given some, or their width where it has none."""
        for key, value in (("--heads", self.heads), ("--d-k", self.d_head)):
            if value is not None:
                message = f"`{key} {value}` has no meaning for `--mixer {name}`, {reason}"
                raise SynthError(message, "leave it out, or choose another mixer")


class MixerSettings(Config):
    """What a mixer is unless its own settings say otherwise.

    `carries` is what goes from one segment of a text to the next: a state of a fixed size, all of the context
    read so far, or nothing. `student_learning_rate` is that of a distillation where nobody gives one.
    """

    carries: ClassVar[Literal["state", "context", "nothing"]] = "state"
    runs_recurrence: ClassVar[bool] = False  # SRU's, for which there are kernels
    student_learning_rate: ClassVar[float] = 1e-3

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width."""
        return []

    @property
    def reads_future(self) -> str | None:
        """What has a position read those after it, as an error calls it; None: a decoder may have it."""
        return None

    @property
    def has_length_limit(self) -> bool:
        """Whether a table comes to an end; those of scores do unless they say otherwise."""
        return any(score.has_length_limit for score in getattr(self, "scores", ()))

    @classmethod
    def name(cls) -> str:
        return str(cls.model_fields["kind"].default)

    @classmethod
    def student_names(cls) -> tuple[str, ...]:
        """Return what `--mixer` calls it: a name for each way to stand in for a teacher's mixer."""
        return (cls.name(),)

    @classmethod
    def student(cls, name: str, shape: StudentShape) -> dict[str, object]:
        """Return the settings by which it stands in for a teacher's mixer: its defaults, and no heads."""
        shape.refuse_heads(name)
        return {"kind": cls.name()}
