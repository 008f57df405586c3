"""`synth probe`: where which simplification of a model costs least."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import say_if_unfinished
from synthcli.cli.completion import complete_runs, list_corpora, list_replacements
from synthcli.cli.compress_flags import (
    MAX_LENGTH,
    MODEL_HELP,
    SOURCE,
    argument,
    flag,
    layers_in,
    parse_bytes,
    takes,
)
from synthcli.cli.compress_options import AsJson, Preset, Scale
from synthcli.cli.device_option import Device
from synthcli.cli.panels import MODEL, RESULT, TEXT
from synthcli.cli.presets import Config, Set
from synthcli.presets.merge import Tree

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from synthcli.jobs.compress.probe import ProbeJob
    from synthcli.jobs.compress.report_types import FindingRow, ProbedFigure, ProbeReport

FIGURES: "dict[ProbedFigure, str]" = {
    "nmse": "NMSE of what is replaced",
    "kl": "KL of the whole model, nats",
    "cosine": "cosine of hidden states",
    "neighbours": "same nearest neighbour",
}
EMPTY = "–"
SMALL = 0.001

FLAGS = {
    "model": argument(
        str,
        MODEL_HELP,
        lambda word: {"teacher": word},
        metavar="MODEL",
        shown="the newest encoder",
        words=complete_runs,
    ),
    "layers": flag(
        "blocks",
        str,
        "Such as `0,3` or `2-4`.",
        MODEL,
        "--layers",
        metavar="LIST",
        shown="all",
        read=lambda words: {"blocks": layers_in(words)},
    ),
    "replacement": flag(
        "replacements",
        list[str],
        "Only these: heads-halved, whitened-svd, random, … ; repeatable.",
        MODEL,
        "--replacement",
        "-r",
        words=list_replacements,
    ),
    "corpus": flag("corpus", str, "Text to compute on.", TEXT, shown="the teacher's own", words=list_corpora),
    "source": SOURCE,
    "limit": flag("limit", int, "Sequences to compute on.", TEXT, min=8, shown="500"),
    "max_length": MAX_LENGTH,
    "cache_limit": flag(
        "cache_limit",
        str,
        "Largest recording, such as 4GB.",
        RESULT,
        metavar="SIZE",
        read=lambda word: {"cache_limit": parse_bytes(word)},
    ),
}
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Keep the recordings there, and use them again.", rich_help_panel=RESULT
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        help="Where the report goes.",
        show_default="the teacher's results",
        rich_help_panel=RESULT,
    ),
]


@takes(**FLAGS)
def probe(
    settings: Tree,
    preset: Preset = None,
    scale: Scale = None,
    config: Config = None,
    set_: Set = None,
    cache: Cache = None,
    output: Output = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Try every replacement in every layer from a formula, and say what each costs: no gradient step.

    Examples:

    ```
    synth probe bert-base-wikitext-2
    synth probe DIR --corpus wikitext-2 --source FILES --layers 0,3 --limit 200
    synth probe RUN -r heads-halved -r merge-next --json
    ```
    """
    from synthcli.cli.preparing_progress import PreparationBar
    from synthcli.presets.compression import load_compression

    asked = load_compression("probe", preset, scale, config, set_ or (), settings)
    from synthcli.jobs.compress.probe import prepare, run

    with screen.progress() as bar:
        job = prepare(asked.config, PreparationBar(bar, "store"), cache, output)
        announce_probe(job)
        with screen.show_lost_result(lambda lost: show_probe(lost, as_json)):
            report = run(job, ProbeBars(bar))
    show_probe(report, as_json)
    if not as_json:
        screen.say(f"wrote `{job.folder / 'probe.json'}` and `{job.folder / 'probe.png'}`")
        screen.say(next_step(report))


def announce_probe(job: "ProbeJob") -> None:
    """Say what is probed on what, and the size of what is about to be recorded."""
    from synthcli.compress.activations.cache import format_bytes

    train, held_out = job.texts.train, job.texts.held_out
    screen.say(f"teacher: `{job.teacher.path}`")
    say_if_unfinished(job.teacher.path)
    tokens = int(train.lengths.sum() + held_out.lengths.sum())
    screen.say(
        f"text: {len(train):,} sequences of {train.name} to compute on, {len(held_out):,} of "
        f"{held_out.split} to evaluate on; {tokens:,} tokens, recorded in {format_bytes(job.bytes)}"
    )


class ProbeBars:
    """Shows what is being done on one bar after the other."""

    def __init__(self, progress: "Progress") -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int | None, note: str = "") -> None:
        kind = what.partition(" ")[0]
        if kind not in self.tasks:
            self.tasks[kind] = self.progress.add_task(what, total=total, rate="")
        self.progress.update(self.tasks[kind], description=what, completed=done, total=total)


def show_probe(report: "ProbeReport", as_json: bool) -> None:
    """Print a table a figure, layers across, and what did not fit."""
    if as_json:
        return screen.data(json.dumps(report, indent=2, ensure_ascii=False))
    findings, layers = report["findings"], report["layers"]
    columns = ["replacement", *(str(layer) for layer in layers), "seconds"]
    measured = [key for key in FIGURES if any(one.get(key) is not None for one in findings)]
    for key in measured:
        rows = [_format_replacement(name, key, findings, layers) for name in report["replacements"]]
        screen.table(FIGURES[key], columns, rows, frozenset(range(1, len(columns))), is_continued=True)
    for why in dict.fromkeys(one["why"] for one in findings if one["why"]):
        screen.say(f"note: {why}")
    show_without(report)
    nearness = "1 is the teacher's" if "cosine" in measured else "KL is from the teacher, a position"
    return screen.say(f"NMSE 0 is the teacher, 1 the mean of what it says; {nearness}")


def show_without(report: "ProbeReport") -> None:
    """Say how much the loss rises where a layer's mixer does nothing, and where that is too weak to tell."""
    known = [(one, rise) for one in report["without"] if (rise := one["rise"]) is not None]
    if not known:
        return
    cells = [format_figure(rise) if one["is_resolved"] else "?" for one, rise in known]
    columns = ["mixer of layer", *(str(one["layer"]) for one, _ in known)]
    screen.table(
        "Rise of the loss without it, nats a token",
        columns,
        [["", *cells]],
        frozenset(range(1, len(columns))),
    )
    if "?" in cells:
        screen.say("?: too weak to tell, the 95 % interval of the sample holds 0")


def _format_replacement(
    name: str, key: "ProbedFigure", findings: "list[FindingRow]", layers: list[int]
) -> list[str]:
    """Return the figures of a replacement by layer, and the seconds it took in all."""
    its = {one["layer"]: one for one in findings if one["replacement"] == name}
    values = [its[layer][key] for layer in layers]
    cells = [EMPTY if value is None else format_figure(value) for value in values]
    return [name, *cells, f"{sum(one['seconds'] for one in its.values()):.1f}"]


def format_figure(value: float) -> str:
    """Return a figure in three places, one too small for them by its order."""
    return f"{value:.3f}" if value >= SMALL else f"{value:.0e}"


def next_step(report: "ProbeReport") -> str:
    """Name what costs least, and the command that does it."""
    by_hidden = any(one.get("cosine") is not None for one in report["findings"])
    found = [(one["cosine"] if by_hidden else one["kl"], one) for one in report["findings"]]
    known = [(figure, one) for figure, one in found if figure is not None]
    if not known:
        return "nothing fitted: name other replacements"
    weak = {one["layer"] for one in report["without"] if one["is_resolved"] is False}
    known = [(figure, one) for figure, one in known if not get_layers(one) <= weak]
    if not known:
        return (
            "too weak to tell: what a layer's mixer does is below what this text resolves, and nothing is "
            "recommended\nnext: probe a teacher that has learnt more, or other text (`--corpus`)"
        )
    figure, best = min(known, key=lambda one: -one[0] if by_hidden else one[0])
    cost = f"cosine {figure:.3f}" if by_hidden else f"KL {format_figure(figure)}"
    teacher, layer = report["teacher"]["absolute"], best["layer"]
    if best["replacement"] == "merge-next":
        command = f"synth merge-layers {layer} {layer + 1} --teacher {teacher}"
    else:
        command = (
            f"synth distill-block --block {layer} {name_student_options(best['what'])} --teacher {teacher}"
        )
    return f"least costly: {best['replacement']} in layer {layer}, {cost}\nnext: `{command}`"


def get_layers(finding: "FindingRow") -> set[int]:
    """Return the layers a replacement stands for."""
    layer = finding["layer"]
    return {layer, layer + 1} if finding["replacement"] == "merge-next" else {layer}


def name_student_options(what: str) -> str:
    """Return the options that ask for a student such as `attention 6 × 32`."""
    mixer, *sizes = what.replace(" ×", "").split()
    named = [f"{option} {size}" for option, size in zip(("--heads", "--d-k"), sizes, strict=False)]
    return " ".join([f"--mixer {mixer}", *named])
