"""From what a user asks, and a preset if one is named, to a request: what is asked comes first."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthcli.compress.students import rate_of
from synthcli.errors import SynthError
from synthcli.jobs.distil_block import Request
from synthcli.jobs.texts import TextRequest
from synthcli.presets import load_preset
from synthcli.presets.schema import Experiment

METHODS = ("distil-block", "pipeline")
ALL = "all"


@dataclass(frozen=True)
class Asked:
    """The options of the command line; None is what was not said. `blocks` is a list of layers, or `all`."""

    blocks: tuple[int, ...] | str | None = None
    teacher: str | None = None
    mixer: str | None = None
    heads: int | None = None
    d_head: int | None = None
    criterion: str | None = None
    relation_heads: int | None = None
    start: str | None = None
    steps: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    conditioned: str | None = None
    corpus: str | None = None
    source: Path | None = None
    limit: int | None = None
    max_length: int | None = None
    cache_limit: int | None = None
    seed: int | None = None
    name: str | None = None


def request_of(asked: Asked, preset: str | None, scale: str | None) -> Request:
    """Return the request; without a preset the blocks have to be named."""
    if preset is not None:
        return over(from_preset(load_preset(preset, scale)), asked)
    if scale is not None:
        raise SynthError("`--scale` belongs to a preset, and none is named", "give `--preset NAME`")
    if asked.blocks is None:
        raise SynthError(
            "no block is named", "name one, `--block 6`, or `--block all`, or give `--preset NAME`"
        )
    base = Request(None)
    settings = replace(base.plan.settings, learning_rate=rate_of(asked.mixer or base.mixer))
    return over(replace(base, plan=replace(base.plan, settings=settings)), asked)


def from_preset(experiment: Experiment) -> Request:
    """Return the request that `[compress]` of a preset describes; students are its model's own mixers."""
    table = experiment.compression("distill-block")
    base = Request(table.blocks)
    steps = base.plan.settings.steps if table.steps is None else table.steps
    settings = replace(
        base.plan.settings,
        steps=steps,
        learning_rate=table.learning_rate,
        batch_size=table.batch_size,
        seed=experiment.training.seed,
    )
    plan = replace(
        base.plan,
        criterion=table.criterion,
        start=table.start,
        conditioned=table.conditioned,
        settings=settings,
    )
    source = None if experiment.data.source is None else Path(experiment.data.source)
    return Request(
        blocks=table.blocks,
        teacher=table.teacher,
        students=experiment.model,
        plan=plan,
        epochs=table.epochs,
        text=TextRequest(table.data, source, table.limit, table.sequence_length),
        name=experiment.name,
    )


def over(base: Request, asked: Asked) -> Request:
    """Return a request with what is asked in place of what it has."""
    settings = changed(
        base.plan.settings,
        steps=asked.steps,
        learning_rate=asked.learning_rate,
        batch_size=asked.batch_size,
        seed=asked.seed,
    )
    plan = changed(
        replace(base.plan, settings=settings),
        criterion=asked.criterion,
        start=asked.start,
        conditioned=asked.conditioned,
        relation_heads=asked.relation_heads,
        limit=asked.cache_limit,
    )
    text = changed(
        base.text,
        corpus=asked.corpus,
        source=asked.source,
        limit=asked.limit,
        max_length=asked.max_length,
    )
    request = changed(
        replace(base, plan=plan, text=text, epochs=base.epochs if asked.steps is None else None),
        teacher=asked.teacher,
        mixer=asked.mixer,
        heads=asked.heads,
        d_head=asked.d_head,
    )
    if asked.blocks is not None:
        request = replace(request, blocks=None if asked.blocks == ALL else asked.blocks)
    if any(word is not None for word in (asked.mixer, asked.heads, asked.d_head)):
        request = replace(request, students=None, name=None)
    named: Request = changed(request, name=asked.name)
    return named


def changed(base: Any, **values: Any) -> Any:
    """Return a dataclass with the values that are not None."""
    return replace(base, **{key: value for key, value in values.items() if value is not None})
