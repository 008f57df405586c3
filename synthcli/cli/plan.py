"""`synth plan`: what a training will take, before it starts."""

import json
from typing import Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import list_presets, make_completer
from synthcli.cli.next_training import prepare_corpus_command
from synthcli.cli.presets import AsJson, Config, Scale, Set
from synthcli.data.config import FIXED_SIZES
from synthcli.presets import Plan, load_preset
from synthcli.presets import plan_training as plan_of
from synthcli.presets.commands import build_command

COLUMNS = ["preset", "steps", "parameters", "trainable", "FLOPs≈"]  # what 80 columns hold


def plan(
    presets: Annotated[
        list[str],
        typer.Argument(
            metavar="PRESET...",
            help="Names, or paths of TOML files.",
            autocompletion=make_completer(list_presets),
        ),
    ],
    scale: Scale = None,
    config: Config = None,
    set_: Set = None,
    as_json: AsJson = False,
) -> None:
    """Print steps, parameters and an estimate of the work, without data and without training.

    Examples:

    ```
    synth plan wmt14-dense
    synth plan wmt14-vanilla wmt14-dense --scale hour
    ```
    """
    experiments = [load_preset(preset, scale, config, set_ or ()) for preset in presets]
    plans = [plan_of(experiment) for experiment in experiments]
    if as_json:
        return screen.data(json.dumps([one.to_json() for one in plans], indent=2))
    show_plans(plans)
    screen.say("rows as published; FLOPs are an estimate: 6 · parameters · tokens at full length")
    command = build_command(experiments[0].verb, presets[0], scale, config, set_ or ())
    data = experiments[0].data
    size = None if data.tokenizer.kind in FIXED_SIZES else data.tokenizer.vocab_size
    prepare = prepare_corpus_command(
        data.corpus, data.source, data.tokenizer.kind, size, data.tokenizer.files
    )
    return screen.say(f"next: `{prepare}`, then `{command}`")


def show_plans(plans: list[Plan]) -> None:
    """Print one plan in full, or several as a table."""
    if len(plans) == 1:
        screen.table(None, ["", plans[0].preset], details(plans[0]), right=frozenset({1}))
    else:
        rows = [_format_plan(one) for one in plans]
        screen.table(None, COLUMNS, rows, right=frozenset(range(1, len(COLUMNS))))
    for one in plans:
        for warning in one.warnings:
            screen.say(f"warning: {one.preset}: {warning}")


def _format_plan(one: Plan) -> list[str]:
    """Return a plan as one row of a table."""
    figures = (one.steps, one.parameters.total, one.parameters.trainable)
    return [one.preset, *(exact(figure) for figure in figures), estimate(one.flops)]


def details(one: Plan) -> list[list[str]]:
    """Return a plan as lines of name and figure; a stack the model has not has no length."""
    parameters = one.parameters
    lengths = (("longest source", one.max_source), ("longest target", one.max_target))
    return [
        ["scale", one.scale],
        ["corpus", one.corpus],
        ["rows", exact(one.rows)],
        ["batch, sequences", exact(one.batch_size)],
        ["steps", exact(one.steps)],
        ["epochs", "?" if one.epochs is None else f"{one.epochs:.4g}"],
        ["parameters", exact(parameters.total)],
        ["  trainable", exact(parameters.trainable)],
        ["  embeddings", exact(parameters.embedding)],
        ["  all others", exact(parameters.non_embedding)],
        *([name, exact(length)] for name, length in lengths if length is not None),
        ["sequences seen", exact(one.sequences)],
        ["tokens seen, at most", exact(one.max_tokens)],
        ["training FLOPs, about", estimate(one.flops)],
    ]


def exact(figure: int | None) -> str:
    """Return a count; `?` is what only a prepared store can tell."""
    return "?" if figure is None else f"{figure:,}"


def estimate(figure: float | None) -> str:
    return "?" if figure is None else f"{figure:.1e}"
