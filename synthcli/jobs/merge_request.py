"""From what a user asks to merge, and a preset if one is named, to a request: what is asked comes first."""

from dataclasses import dataclass, replace
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.jobs.distil_request import changed
from synthcli.jobs.merge_layers import MergeRequest
from synthcli.jobs.texts import TextRequest
from synthcli.presets import load_preset
from synthcli.presets.schema import Experiment


@dataclass(frozen=True)
class MergeAsked:
    """The options of the command line; None is what was not said."""

    layers: tuple[int, ...] = ()
    all_pairs: bool = False
    teacher: str | None = None
    start: str | None = None
    heads: int | None = None
    d_head: int | None = None
    d_ff: int | None = None
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


def request_of(asked: MergeAsked, preset: str | None, scale: str | None) -> MergeRequest:
    """Return the request; without a preset the layers have to be named."""
    if asked.layers and asked.all_pairs:
        shown = " ".join(str(layer) for layer in asked.layers)
        raise SynthError(f"`{shown}` and `--all-pairs` exclude each other", "leave one of them out")
    if preset is not None:
        return over(from_preset(load_preset(preset, scale)), asked)
    if scale is not None:
        raise SynthError("`--scale` belongs to a preset, and none is named", "give `--preset NAME`")
    if not asked.layers and not asked.all_pairs:
        raise SynthError(
            "no layers are named", "name neighbours, `synth merge-layers 6 7`, or give `--all-pairs`"
        )
    return over(MergeRequest(), asked)


def from_preset(experiment: Experiment) -> MergeRequest:
    """Return the request that `[compress]` of a preset describes."""
    table = experiment.compression("merge-layers")
    base = MergeRequest()
    settings = changed(
        base.plan.settings,
        steps=table.steps,
        learning_rate=table.learning_rate,
        batch_size=table.batch_size,
        seed=experiment.training.seed,
    )
    groups = [table.blocks[at : at + table.group] for at in range(0, len(table.blocks), table.group)]
    source = None if experiment.data.source is None else Path(experiment.data.source)
    return MergeRequest(
        groups=tuple(groups),
        teacher=table.teacher,
        plan=replace(base.plan, start=table.start, conditioned=table.conditioned, settings=settings),
        epochs=table.epochs,
        text=TextRequest(table.data, source, table.limit, table.sequence_length),
        name=experiment.name,
    )


def over(base: MergeRequest, asked: MergeAsked) -> MergeRequest:
    """Return a request with what is asked in place of what it has."""
    settings = changed(
        base.plan.settings,
        steps=asked.steps,
        learning_rate=asked.learning_rate,
        batch_size=asked.batch_size,
        seed=asked.seed,
    )
    wanted = changed(
        base.plan.wanted, heads=asked.heads, d_head=asked.d_head, d_ff=asked.d_ff, seed=asked.seed
    )
    plan = changed(
        replace(base.plan, settings=settings, wanted=wanted),
        start=asked.start,
        conditioned=asked.conditioned,
        limit=asked.cache_limit,
    )
    text = changed(
        base.text,
        corpus=asked.corpus,
        source=asked.source,
        limit=asked.limit,
        max_length=asked.max_length,
    )
    epochs = base.epochs if asked.steps is None else None
    request: MergeRequest = changed(replace(base, plan=plan, text=text, epochs=epochs), teacher=asked.teacher)
    if asked.all_pairs or asked.layers:
        groups = (asked.layers,) if asked.layers else ()
        request = replace(request, groups=groups, name=None)
    named: MergeRequest = changed(request, name=asked.name)
    return named
