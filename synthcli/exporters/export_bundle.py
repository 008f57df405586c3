"""What an exporter is given: a model ready to be written, and what is known of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from synthcli.data.tokenizers import Tokenizer
from synthcli.model import ModelConfig


@dataclass(frozen=True)
class Metric:
    """One figure of an evaluation, with what gives it its meaning; `interval` covers 95 %.

    Of a split that was cut to its first samples `limit` says how many were asked for. `dataset` is the id of
    a corpus on the hub, with its configuration and the name of the split there; None for any other corpus.
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    protocol: str
    signature: str
    corpus: str
    split: str
    samples: int
    split_size: int
    options: dict[str, object]
    limit: int | None = None
    corpus_title: str | None = None
    dataset: str | None = None
    dataset_config: str | None = None
    dataset_split: str | None = None

    @property
    def sample_count(self) -> str:
        """How many samples there were, of how many: `16 of 1,000`."""
        return f"{self.samples:,} of {self.split_size:,}"

    @property
    def is_slice(self) -> bool:
        """Whether it is of the first samples of a split alone."""
        return self.samples < self.split_size


@dataclass(frozen=True)
class BenchmarkResult:
    """A figure as the result of a task of a benchmark of the hub, `task` being an id of its `eval.yaml`."""

    dataset: str
    task: str
    metric: Metric


@dataclass(frozen=True)
class CardFacts:
    """What a model card says; None is not known, as of a checkpoint outside a run.

    `parameters` counts what leaves, `trained_parameters` what was trained: folding makes them fewer.
    `recipe` is a sentence on how it was trained. `notes` are whatever else a reader of the card should
    know, a sentence each.
    """

    synth: str
    parameters: int
    trained_parameters: int
    step: int
    recipe: str | None = None
    title: str | None = None
    corpus: str | None = None
    corpus_title: str | None = None
    corpus_url: str | None = None
    corpus_licence: str | None = None
    paper: str | None = None
    paper_url: str | None = None
    metrics: tuple[Metric, ...] = ()
    benchmarks: tuple[BenchmarkResult, ...] = ()
    folded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GenerationSettings:
    """How the model was evaluated to write best; `max_length` None is the model's own limit."""

    beam: int = 1
    length_penalty: float = 0.0
    max_length: int | None = None


@dataclass(frozen=True)
class ExportBundle:
    """`model` is in evaluation mode, in float32, on the processor, and folded unless that was not wanted.

    `config` is that of this very model. A checkpoint may have come without a tokenizer.
    """

    name: str
    config: ModelConfig
    model: nn.Module
    tokenizer: Tokenizer | None
    card: CardFacts
    generation: GenerationSettings = GenerationSettings()


@dataclass(frozen=True)
class ExportOptions:
    """`opset` is ONNX's version of operators; None is the one the exporter is tested with."""

    opset: int | None = None


@dataclass(frozen=True)
class Exporter:
    """A format to leave in.

    `write` fills an existing empty folder. `check` names the module of `parity/` that opens the folder
    without the project. `needs` are packages to import, which `extra` installs. `tolerance` bounds the
    difference of logits. A folder that `is_checkpoint` is given a manifest, and every command accepts it.
    """

    write: Callable[[ExportBundle, Path, ExportOptions], None]
    check: str
    tolerance: float
    title: str
    needs: tuple[str, ...] = ()
    extra: str | None = None
    is_checkpoint: bool = False
