"""`synth compare --samples`: files of lm-eval's samples, and what is said of them."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from synthcli.cli import screen
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.jobs.compare.samples import SampleContrast

FITTING = ("arms", "samples", "metric", "as_json")  # parameters that mean something of files
COLUMNS = [
    "arm",
    "figure",
    "baseline",
    "arm's",
    "difference",
    "95 %",
    "bootstrap p",
    "randomisation p",
    "Holm",
]


def compare_files(context: typer.Context, paths: list[str], metrics: list[str], as_json: bool) -> None:
    """Compare the files, and print a row for each figure of each file but the first."""
    from synthcli.jobs.compare.samples import compare_samples

    refuse_other_options(context)
    contrasts = compare_samples(paths, metrics)
    if as_json:
        return screen.data(json.dumps([asdict(one) for one in contrasts], indent=2, ensure_ascii=False))
    return show_contrasts(contrasts)


def refuse_other_options(context: typer.Context) -> None:
    """Raise for an option that was typed and means nothing of files."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in FITTING and source is not None and source.name == "COMMANDLINE":
            message = f"`{parameter.opts[0]}` means nothing with `--samples`, which trains no run"
            raise SynthError(message, "leave it out")


def show_contrasts(contrasts: "list[SampleContrast]") -> None:
    """Print the differences, and what they are not."""
    rows = []
    for one in contrasts:
        low, high = one.interval
        values = [f"{one.baseline_value:.4g}", f"{one.arm_value:.4g}", f"{one.difference:+.3g}"]
        tests = [f"{p:.3g}" for p in (one.bootstrap_p, one.randomisation_p, one.adjusted_p)]
        rows.append([one.arm, one.figure, *values, f"{low:+.3g} to {high:+.3g}", *tests])
    first = contrasts[0]
    title = f"Differences to {first.baseline}, {first.documents:,} documents"
    screen.table(title, COLUMNS, rows, right=frozenset({2, 3, 4, 6, 7, 8}))
    for arm, count in {one.arm: one.other_prompts for one in contrasts}.items():
        if count:
            screen.say(f"note: `{arm}` was asked otherwise in {count:,} documents: their prompts differ")
    screen.say("one run of each: over documents alone; nothing is said of other seeds")
