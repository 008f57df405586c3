"""What `synth compare` prints: the plan, the verdicts, noise floors."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.tuning_shown import show_tuning

if TYPE_CHECKING:
    from synthcli.jobs.compare.compare import ArmComparison
    from synthcli.jobs.compare.config import CompareConfig
    from synthcli.jobs.compare.noise import NoiseFloor
    from synthcli.jobs.compare.report_types import CompareReport

PLANNED = {  # of an arm, and in words
    "parameters": "parameters",
    "steps": "steps",
    "flops": "FLOPs a run",
    "trials": "trials to make",
    "missing": "runs to make",
    "hours": "hours",
}


def show_noise(floors: "list[NoiseFloor]", path: Path, as_json: bool) -> None:
    """Print how far the runs of a preset vary."""
    if as_json:
        return screen.data(json.dumps([asdict(floor) for floor in floors], indent=2))
    for floor in floors:
        show_floor(floor)
    return screen.say(f"wrote `{path}`")


def show_floor(floor: "NoiseFloor") -> None:
    deviations = {
        "of a run over seeds": floor.sigma_seeds,
        "of a run over test samples": floor.sigma_samples,
        "of the difference of two runs over seeds": floor.sigma_difference,
    }
    rows = [[name, f"{value:.4g}"] for name, value in deviations.items()]
    title = f"{floor.preset}, {floor.figure}: {floor.mean:.4g} ({floor.count} seeds)"
    screen.table(title, ["deviation", "σ"], rows, frozenset({1}))


def show_comparison_plan(comparison: "ArmComparison", as_json: bool) -> None:
    """Print what the arms are and take, and what is not equal."""
    from synthcli.jobs.compare.compare import plan_of
    from synthcli.jobs.compare.report import unequal
    from synthcli.jobs.compare.words import number_words

    config = comparison.config
    parts = {name: plan_of(part) for name, part in comparison.parts().items()}
    *_, rows = parts.values()
    lines = unequal(rows)
    if as_json:
        table = {"arms": rows, "unequal": lines, "seeds": config.seeds}
        tuning = {} if config.tuning is None else {"tuning": config.tuning}
        ladder = {} if config.ladder is None else {"ladder": parts}
        return screen.data(json.dumps({**table, **tuning, **ladder}, indent=2))
    keys = [key for key in PLANNED if key in rows[0]]
    named: list[tuple[str, Mapping[str, object]]] = [
        (", ".join(filter(None, (row["arm"], name))), row) for name, part in parts.items() for row in part
    ]
    cells = [[name, *(number_words(row[key]) for key in keys)] for name, row in named]
    head = ["arm", *(PLANNED[key] for key in keys)]
    screen.table("Arms", head, cells, frozenset(range(1, len(head))))
    for line in lines:
        screen.say(f"not equal: {line}")
    for line in power_lines(config):
        screen.say(line)
    return None


def power_lines(config: "CompareConfig") -> list[str]:
    """Say what so many seeds can tell."""
    from synthcli.compare.power import smallest_difference
    from synthcli.compare.seeds import sign_flip_floor
    from synthcli.jobs.compare.noise import find_floor

    seeds = config.seeds
    lines = [f"the sign-flip test of {seeds} pairs has no p-value below {sign_flip_floor(seeds):.3g}"]
    for quantity in config.quantities:
        floor = find_floor(config.experiments[0], quantity)
        if floor is not None and seeds > 1:
            size = smallest_difference(floor.of_differences, seeds, 0.0)
            found = f"a difference of {size:.3g} {quantity.unit} is found with 80 % power, samples apart"
            lines.append(f"{found}: σ over seeds is {floor.sigma:.3g} ({floor.count} runs)")
    return lines


def show_report(report: "CompareReport", as_json: bool) -> None:
    """Print the verdicts, and the paragraph to quote."""
    from synthcli.jobs.compare.words import verdict_words
    from synthcli.jobs.ladder.tables import multiplier_lines

    if as_json:
        return screen.data(json.dumps(report, indent=2, ensure_ascii=False))
    rows = []
    for one in report["contrasts"]:
        low, high = one["both"]["interval"]
        rows.append(
            [
                one["arm"],
                one["unit"],
                f"{one['difference']:+.3g}",
                f"{low:+.3g} to {high:+.3g}",
                verdict_words(one),
            ]
        )
    if "tuning" in report:
        show_tuning(report["tuning"])
    titles = ["arm", "figure", "difference", "95 %", "verdict"]
    screen.table(f"Differences to {report['baseline']}", titles, rows, frozenset({2, 3}))
    for line in report["unequal"]:
        screen.say(f"not equal: {line}")
    for line in multiplier_lines(report):
        screen.say(line)
    return None
