"""The experiment: what a preset is once every table is merged and checked. Importing this imports torch."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from synthcli.compress.config import CompressConfig
from synthcli.config import Config
from synthcli.data.config import DataConfig
from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from synthcli.model_config.model import ModelConfig
from synthcli.presets.commands import VERBS
from synthcli.presets.conflicts import clashes
from synthcli.presets.files import NAME_PATTERN
from synthcli.presets.paper import Paper
from synthcli.training.config import TrainingConfig


class Start(Config):
    """Where the weights come from in place of chance; `freeze` names parts that stay, such as `encoder`.

    Text is read in the checkpoint's own pieces; `vocabulary = "new"` keeps those of `data.tokenizer`.
    """

    checkpoint: str = Field(min_length=1)
    freeze: tuple[str, ...] = ()
    vocabulary: Literal["checkpoint", "new"] = "checkpoint"


class Experiment(Config):
    """A model, its data, how it is trained and how it is evaluated."""

    name: str = Field(pattern=NAME_PATTERN)
    title: str
    scale: str = Field(min_length=1)
    paper: Paper | None = None
    model: ModelConfig
    data: DataConfig
    training: TrainingConfig
    evaluation: EvaluationConfig
    start: Start | None = None
    compress: CompressConfig | None = None

    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _tables_agree(self) -> "Experiment":
        for clash in clashes(self.model, self.data, self.training, self.evaluation):
            raise ValueError(clash)
        return self

    @property
    def sources(self) -> Mapping[str, str]:
        """Where each value that is no default came from, by dotted key."""
        return self._sources

    def source_of(self, key: str) -> str:
        """Return where the value at a dotted key came from; `block = "pre-norm"` sets `block.kind`."""
        return self._sources.get(key) or self._sources.get(key.removesuffix(".kind"), "default")

    @property
    def verb(self) -> str:
        """The command that makes this model as its paper does: `train`, or what compresses a teacher."""
        return "train" if self.compress is None else VERBS[self.compress.method]

    def from_scratch(self) -> "Experiment":
        """Return the experiment that trains this model's shape without a teacher."""
        return self if self.compress is None else self.model_copy(update={"compress": None})

    def fit_to_store(self, vocab_size: int, class_names: tuple[str, ...] = ()) -> "Experiment":
        """Return the experiment for a store: a tokenizer may hold fewer pieces than were asked for.

        A vocabulary larger than the tokenizer's that the preset names itself is kept, and so are classes
        beyond the store's, which get a name by their number.
        """
        model, asked = self.model, self.data.tokenizer.size
        if model.vocab_size in (asked, vocab_size):
            model = model.model_copy(update={"vocab_size": vocab_size})
        elif model.vocab_size < vocab_size:
            message = f"`model.vocab_size` = {model.vocab_size} is less than the tokenizer's {vocab_size}"
            raise SynthError(message, "leave `model.vocab_size` out: it follows the tokenizer")
        refuse_cutoffs(model)
        if class_names and model.num_classes is not None and model.class_names is None:
            number = max(len(class_names), model.num_classes)
            others = tuple(f"class {place}" for place in range(len(class_names), number))
            names = {"num_classes": number, "class_names": (*class_names, *others)}
            model = model.model_copy(update=names)
        return self.model_copy(update={"model": model})

    def with_name(self, name: str | None) -> "Experiment":
        """Return the experiment by another name, if one is given."""
        return self if name is None else self.model_copy(update={"name": name})

    def with_source(self, source: str | None, by: str) -> "Experiment":
        """Return the experiment with another source of its corpus; `by` is who says so."""
        read = self.model_copy(update={"data": self.data.model_copy(update={"source": source})})
        read._sources = {**self._sources, "data.source": by}
        return read

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Experiment) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]  # Python's own way to say that none is hashed


def refuse_cutoffs(model: ModelConfig) -> None:
    """Raise where a store has fewer words than the clusters of a model begin at."""
    cutoffs, size = model.embeddings.cutoffs, model.vocab_size
    if cutoffs and cutoffs[-1] >= size:
        fitting = [cutoff for cutoff in cutoffs if cutoff < size]
        widths = "" if fitting else " --set model.embeddings.div_val=1"
        raise SynthError(
            f"`model.embeddings.cutoffs` = {list(cutoffs)}, but the store's vocabulary ends at {size}",
            f"name clusters it has: `--set model.embeddings.cutoffs='{fitting}'{widths}`",
        )
