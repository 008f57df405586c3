"""From what a user asks to heal, and a preset if one is named, to a request: what is asked comes first."""

from dataclasses import dataclass, replace
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.jobs.distil_request import changed
from synthcli.jobs.heal_request import HealRequest
from synthcli.jobs.texts import TextRequest
from synthcli.presets import load_preset
from synthcli.presets.schema import Experiment


@dataclass(frozen=True)
class HealAsked:
    """The options of the command line; None is what was not said."""

    teacher: str | None = None
    steps: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    hidden: float | None = None
    temperature: float | None = None
    train_only: tuple[str, ...] | None = None
    plain: bool = False
    corpus: str | None = None
    source: Path | None = None
    max_length: int | None = None
    seed: int | None = None
    name: str | None = None


def request_of(checkpoint: str, asked: HealAsked, preset: str | None, scale: str | None) -> HealRequest:
    """Return the request for a student."""
    if preset is not None:
        return over(from_preset(load_preset(preset, scale), checkpoint), asked)
    if scale is not None:
        raise SynthError("`--scale` belongs to a preset, and none is named", "give `--preset NAME`")
    return over(HealRequest(checkpoint), asked)


def from_preset(experiment: Experiment, checkpoint: str) -> HealRequest:
    """Return the request that `[compress]` of a preset describes, for a student."""
    table = experiment.compression("heal")
    source = None if experiment.data.source is None else Path(experiment.data.source)
    return HealRequest(
        checkpoint,
        teacher=table.teacher,
        text=TextRequest(table.data, source, None, table.sequence_length),
        steps=table.steps or HealRequest.steps,
        epochs=table.epochs,
        learning_rate=table.learning_rate,
        batch_size=table.batch_size,
        hidden=table.hidden,
        temperature=table.temperature,
        train_only=table.train_only,
        seed=experiment.training.seed,
    )


def over(base: HealRequest, asked: HealAsked) -> HealRequest:
    """Return a request with what is asked in place of what it has."""
    text = changed(base.text, corpus=asked.corpus, source=asked.source, max_length=asked.max_length)
    epochs = base.epochs if asked.steps is None else None
    request: HealRequest = changed(
        replace(base, text=text, epochs=epochs, plain=asked.plain),
        teacher=asked.teacher,
        steps=asked.steps,
        learning_rate=asked.learning_rate,
        batch_size=asked.batch_size,
        hidden=asked.hidden,
        temperature=asked.temperature,
        train_only=asked.train_only,
        seed=asked.seed,
        name=asked.name,
    )
    return request
