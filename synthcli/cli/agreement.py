"""`synth eval teacher-agreement`: evaluate students by their teacher."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.checkpoints import choose_checkpoint, choose_student
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import carry_result

if TYPE_CHECKING:
    from synthcli.jobs.compress.agreement import AgreementConfig, Compared, Comparison

SHOWN = {
    "kl": "KL",
    "teacher_top1": "top 1",
    "teacher_top5": "top 5",
    "teacher_top10": "top 10",
    "reference_top1": "reference top 1",
    "reference_top5": "top 5",
    "reference_top10": "top 10",
    "accuracy": "accuracy",
    "cosine": "cosine",
    "neighbours": "neighbours",
}

# of the figures, where there is no cosine and where there is
UNITS = ("KL in nats, the others in %", "neighbours in %")


def evaluate_agreement(config: "AgreementConfig", picture_path: Path | None, as_json: bool) -> None:
    """Evaluate students in one pass, print tables, and draw quality against cost."""
    from synthcli.cli.evaluation_progress import EvaluationBar
    from synthcli.cli.preparing_progress import PreparationBar
    from synthcli.jobs.compress.agreement import agree
    from synthcli.jobs.compress.agreement_picture import picture, refuse_format
    from synthcli.runs import STUDENTS

    if picture_path is not None:
        refuse_format(picture_path)
        refuse_unwritable(picture_path, "name another file with `--picture`")
    if not config.checkpoints:
        config = replace(config, checkpoints=(str(choose_student(None, STUDENTS)),))
    for word in config.checkpoints:
        choose_checkpoint(word)
    with screen.show_lost_result(lambda lost: show_comparison(lost, as_json)):
        with screen.progress(is_transient=True) as bar:
            comparison = agree(
                config, EvaluationBar(bar, "agreement"), PreparationBar(bar, "store"), screen.say
            )
        written = [one.written for one in comparison.students if one.written is not None]
        path = picture_path or (written[0].with_suffix(".png") if written else None)
        if path is not None:
            with carry_result(comparison), guard_write(f"`{path}`", path):
                picture(comparison, path)
    show_comparison(comparison, as_json)
    if not as_json:
        for file in [*written, *([path] if path else [])]:
            screen.say(f"wrote `{file}`")


def show_comparison(comparison: "Comparison", as_json: bool) -> None:
    """Print agreement, costs, and errors of hidden states."""
    if as_json:
        return screen.data(json.dumps(comparison.to_json(), indent=2, ensure_ascii=False))
    first = comparison.students[0].result
    part = "" if first.limit is None else f" (the first {first.samples:,} of {first.split_size:,})"
    names = [name for name in SHOWN if comparison.students[0].figure(name) is not None]
    rows = [[one.name, *(format_cell(one, name) for name in names)] for one in comparison.students]
    title = f"{first.corpus}, {first.split}: {first.samples:,} sequences{part}; {UNITS['cosine' in names]}"
    columns = ["student", *(SHOWN[name] for name in names)]
    screen.table(title, columns, rows, right=frozenset(range(1, len(columns))))
    costs = [("teacher", comparison.teacher_cost), *((one.name, one.cost) for one in comparison.students)]
    cells = [
        [
            name,
            str(cost.layers),
            f"{cost.parameters:,}",
            f"{cost.layer_parameters:,}",
            f"{cost.flops / 1e6:.2f}",
            f"{cost.milliseconds:.1f}",
        ]
        for name, cost in costs
    ]
    headers = ["", "layers", "parameters", "of layers", "MFLOP a token", "ms a batch"]
    screen.table("what each costs", headers, cells, right=frozenset(range(1, 6)))
    show_layers(comparison)
    for one in comparison.students:
        for note in one.result.notes:
            screen.say(f"note: {one.name}: {note}")
    return screen.say(f"evaluated against `{comparison.teacher.path}` in {first.seconds:.1f} s")


def format_cell(one: "Compared", name: str) -> str:
    """Return a figure with half the width of its interval; the result has both ends."""
    figure = one.figure(name)
    if figure is None:
        return ""
    digits = 3 if name in ("kl", "cosine") else 1
    low, high = figure.interval or (figure.value, figure.value)
    return f"{figure.value:.{digits}f} ± {(high - low) / 2:.{digits}f}"


def show_layers(comparison: "Comparison") -> None:
    """Print the error of the stream after every layer of the teacher that a student stands for."""
    matched = [one for one in comparison.students if one.layers]
    if not matched:
        return
    layers = sorted({layer for one in matched for layer in one.layers or ()})
    rows = [
        [one.name, *("" if (e := (one.layers or {}).get(n)) is None else f"{e:.3f}" for n in layers)]
        for one in matched
    ]
    columns = ["after layer", *(str(layer) for layer in layers)]
    screen.table(
        "NMSE of hidden states: 0 is the teacher, 1 the mean",
        columns,
        rows,
        right=frozenset(range(1, len(columns))),
        is_continued=True,
    )
