"""What a training will take, known before it starts: steps, parameters, tokens, floating-point operations."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from synthcli.presets.commands import build_command
from synthcli.presets.sizes import measure_model

if TYPE_CHECKING:
    from synthcli.model_config.model import ModelConfig
    from synthcli.presets.schema import Experiment

FLOPS_PER_PARAMETER = 6  # forward 2, backward 4, for each token (Kaplan et al. 2020, section 2.1)


@dataclass(frozen=True)
class ParameterCounts:
    """Counts, each tied matrix once; `embedding` holds token and position tables."""

    total: int
    trainable: int
    embedding: int
    non_embedding: int


@dataclass(frozen=True)
class Plan:
    """None stands for what only a prepared store can tell; token counts and FLOPs are upper estimates."""

    preset: str
    scale: str
    corpus: str
    rows: int | None
    batch_size: int | None
    steps_per_epoch: int | None
    steps: int | None
    epochs: float | None
    parameters: ParameterCounts
    max_source: int | None
    max_target: int | None
    sequences: int | None
    max_tokens: int | None
    flops: float | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def plan_training(experiment: "Experiment", rows: Mapping[str, int] | None = None) -> Plan:
    """Plan a training from the rows of its store, or from the counts its corpus publishes.

    Steps are those of one optimizer update per batch, the last of an epoch being the short one.
    """
    from synthcli.data.corpora import find_corpus

    training, size = experiment.training, experiment.data.batch.size
    published = find_corpus(experiment.data.corpus).rows if rows is None else rows
    train_rows = published.get("train")
    examples = (
        train_rows if experiment.data.layout == "rows" else None
    )  # windows are known once there are tokens
    per_epoch = math.ceil(examples / size) if examples and size else None
    steps = training.steps or (per_epoch and training.epochs and math.ceil(per_epoch * training.epochs))
    sequences = sequences_seen(steps, per_epoch, examples, size)
    longest = (experiment.model.max_source_length, experiment.model.max_target_length)
    tokens = sequences and sequences * sum(length or 0 for length in longest)
    return Plan(
        preset=experiment.name,
        scale=experiment.scale,
        corpus=experiment.data.corpus,
        rows=train_rows,
        batch_size=size,
        steps_per_epoch=per_epoch,
        steps=steps,
        epochs=steps / per_epoch if steps and per_epoch else training.epochs,
        parameters=parameters_of(experiment),
        max_source=longest[0],
        max_target=longest[1],
        sequences=sequences,
        max_tokens=tokens,
        flops=sequences and flops_of_sequence(experiment.model) * float(sequences),
        warnings=plan_warnings(experiment, steps),
    )


def plan_warnings(experiment: "Experiment", steps: int | None) -> tuple[str, ...]:
    """Return what a plan does not show: another command's preset, a schedule that does not fit."""
    found = experiment.training.warnings(steps) if steps else ()
    if experiment.compress is None:
        return found
    command = build_command(experiment.verb, experiment.name, experiment.scale)
    says = f"these steps train its shape from random initialisation; `{command}` makes it from its teacher"
    return (says, *found)


def sequences_seen(
    steps: int | None, per_epoch: int | None, rows: int | None, size: int | None
) -> int | None:
    """Count training sequences: whole epochs of rows, and full batches of the last one."""
    if steps is None or size is None:
        return None
    if per_epoch is None or rows is None:
        return steps * size
    whole, rest = divmod(steps, per_epoch)
    return whole * rows + min(rest * size, rows)


def parameters_of(experiment: "Experiment") -> ParameterCounts:
    """Count the parameters of an experiment's model."""
    size = measure_model(experiment.model.model_dump_json())
    return ParameterCounts(size.total, size.trainable, size.embedding, size.total - size.embedding)


def flops_of_sequence(config: "ModelConfig") -> float:
    """Estimate the FLOPs one sequence of the longest length costs in training: 6 · N · tokens.

    N is what a token passes through: the parameters of its stack, and the output matrix where there
    is one over the vocabulary. Products of length with length are left out.
    """
    size = measure_model(config.model_dump_json())
    stacks = ((config.encoder, size.encoder), (config.decoder, size.decoder))
    total = sum(stack.max_length * parameters for stack, parameters in stacks if stack is not None)
    if config.task != "classification":
        length = config.max_target_length or config.max_source_length or 0
        total += length * config.vocab_size * config.d_model
    return float(FLOPS_PER_PARAMETER * total)
