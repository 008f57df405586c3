"""`synth compare`: arms by seeds, paired; a verdict by rule, with its power said first."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthcli.cli import screen
from synthcli.cli.completion import complete, list_presets
from synthcli.cli.device_option import Device
from synthcli.cli.going_on import going_on, same_command
from synthcli.cli.panels import RESULT, SETTINGS, WORK
from synthcli.cli.presets import Scale, Set
from synthcli.errors import Stopped

if TYPE_CHECKING:
    from synthcli.jobs.compare import ArmComparison
    from synthcli.jobs.compare_config import CompareConfig
    from synthcli.jobs.noise import NoiseFloor as Noise

Arms = Annotated[
    list[str],
    typer.Argument(
        metavar="ARM ARM...",
        help="Presets, files, or 'NAME=PRESET: KEY=VALUE …'; the first is the baseline.",
        autocompletion=complete(list_presets),
    ),
]
Seeds = Annotated[int, typer.Option(min=1, help="Runs of each arm.", rich_help_panel=SETTINGS)]
Metric = Annotated[
    str | None,
    typer.Option(
        help="What is compared.",
        show_default="the first metric of the baseline's preset",
        rich_help_panel=SETTINGS,
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="The difference that is too small to matter.",
        show_default="the metric's, docs/compare.md",
        rich_help_panel=SETTINGS,
    ),
]
Records = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Records of runs, also of other machines, that count as runs.",
        rich_help_panel=WORK,
    ),
]
OnlyPlan = Annotated[
    bool, typer.Option("--plan", help="Say what it takes; train nothing.", rich_help_panel=RESULT)
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Runs at a time.",
        show_default="as many as cores, or as GPUs",
        rich_help_panel=WORK,
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Where the report goes.", rich_help_panel=RESULT)
]
NoiseFloor = Annotated[
    bool,
    typer.Option(
        "--noise-floor",
        help="Of one preset: keep with the presets how far its seeds vary; comparisons of few seeds use it.",
        rich_help_panel=WORK,
    ),
]
FailIfWorse = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="DIFFERENCE",
        help="End with code 1 where an arm may be worse by as much.",
        rich_help_panel=RESULT,
    ),
]
PLANNED = {  # of an arm, and in words
    "parameters": "parameters",
    "steps": "steps",
    "flops": "FLOPs a run",
    "missing": "runs to make",
    "hours": "hours",
}
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.", rich_help_panel=RESULT)]


def compare(
    arms: Arms,
    seeds: Seeds = 3,
    scale: Scale = None,
    set_: Set = None,
    metric: Metric = None,
    margin: Margin = None,
    records: Records = None,
    only_plan: OnlyPlan = False,
    jobs: Jobs = None,
    device: Device = "auto",
    output: Output = Path("reports"),
    noise_floor: NoiseFloor = False,
    fail_if_worse: FailIfWorse = None,
    as_json: AsJson = False,
) -> None:
    """Compare presets over seeds, in pairs, and decide by rule which is better, if any.

    Equal seeds are pairs: the same data in the same order, and the same initial values of what both have.
    What is done is kept, what was interrupted is resumed: give the same command again at any time.

    Examples:

    ```
    synth compare wmt14-vanilla wmt14-dense --scale smoke --seeds 5
    synth compare lm1b-vanilla 'wide=lm1b-vanilla: model.d_ff=256' --plan
    ```
    """
    from synthcli.cli.reproducing_progress import ReproducingProgress
    from synthcli.jobs.compare import compare as compare_arms
    from synthcli.jobs.compare import find_noise, prepare
    from synthcli.jobs.compare_arms import parse_arms
    from synthcli.jobs.compare_config import CompareConfig
    from synthcli.jobs.parallel import default_jobs

    config = CompareConfig(
        tuple(parse_arms(arms, alone=noise_floor)),
        seeds,
        scale,
        tuple(set_ or ()),
        metric,
        margin,
        records,
        same_command(),
    )
    comparison = prepare(config)
    if only_plan:
        return show_plan(comparison, as_json)
    with (
        going_on(lambda: Stopped("what is done is kept", same_command(), "goes on")),
        screen.showing_lost(lambda lost: screen.data(json.dumps(lost, indent=2))),
        ReproducingProgress() as board,
    ):
        if noise_floor:
            return show_noise(*find_noise(comparison, board, jobs or default_jobs()), as_json)
        report = compare_arms(comparison, output, board, jobs or default_jobs())
    show_report(report, as_json)
    if not as_json:
        screen.say(f"wrote `{output / config.name}`")
    if fail_if_worse is not None and any(may_be_worse(one, fail_if_worse) for one in report["contrasts"]):
        screen.say(f"an arm may be worse by {fail_if_worse:g} or more")
        raise typer.Exit(1)
    return None


def show_noise(floor: "Noise", path: Path, as_json: bool) -> None:
    """Print how far the runs of a preset vary."""
    if as_json:
        return screen.data(json.dumps(asdict(floor), indent=2))
    deviations = {
        "of a run over seeds": floor.sigma_seeds,
        "of a run over test samples": floor.sigma_samples,
        "of the difference of two runs over seeds": floor.sigma_difference,
    }
    rows = [[name, f"{value:.4g}"] for name, value in deviations.items()]
    title = f"{floor.preset}, {floor.figure}: {floor.mean:.4g} ({floor.count} seeds)"
    screen.table(title, ["deviation", "σ"], rows, frozenset({1}))
    return screen.say(f"wrote `{path}`")


def may_be_worse(contrast: dict[str, Any], difference: float) -> bool:
    """Whether the interval of seeds and samples together reaches as far on the worse side."""
    low, high = contrast["both"]["interval"]
    return bool(-low >= difference if contrast["higher_is_better"] else high >= difference)


def show_plan(comparison: "ArmComparison", as_json: bool) -> None:
    """Print what the arms are and take, and what is not equal."""
    from synthcli.jobs.compare import plan_of
    from synthcli.jobs.compare_report import unequal

    config = comparison.config
    rows = plan_of(comparison)
    lines = unequal(rows)
    if as_json:
        return screen.data(json.dumps({"arms": rows, "unequal": lines, "seeds": config.seeds}, indent=2))
    cells = [[row["arm"], *(write_number(row[key]) for key in PLANNED)] for row in rows]
    screen.table("Arms", ["arm", *PLANNED.values()], cells, frozenset(range(1, 1 + len(PLANNED))))
    for line in lines:
        screen.say(f"not equal: {line}")
    for line in power_lines(config):
        screen.say(line)
    return None


def power_lines(config: "CompareConfig") -> list[str]:
    """Say what so many seeds can tell."""
    from synthcli.compare.power import smallest_difference
    from synthcli.compare.seeds import sign_flip_floor
    from synthcli.jobs.noise import find_floor

    seeds, quantity = config.seeds, config.quantity
    least = f"the sign-flip test of {seeds} pairs has no p-value below {sign_flip_floor(seeds):.3g}"
    floor = find_floor(config.experiments[0], quantity)
    if floor is None or seeds < 2:
        return [least]
    size = smallest_difference(floor.of_differences, seeds, 0.0)
    found = f"a difference of {size:.3g} {quantity.unit} is found with 80 % power, samples apart"
    return [least, f"{found}: σ over seeds is {floor.sigma:.3g} ({floor.count} runs)"]


def write_number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"


def show_report(report: dict[str, Any], as_json: bool) -> None:
    """Print the verdicts, and the paragraph to quote."""
    from synthcli.jobs.compare_report import verdict_words

    if as_json:
        return screen.data(json.dumps(report, indent=2, ensure_ascii=False))
    rows = []
    for one in report["contrasts"]:
        low, high = one["both"]["interval"]
        rows.append(
            [one["arm"], f"{one['difference']:+.3g}", f"{low:+.3g} to {high:+.3g}", verdict_words(one)]
        )
    title = f"{report['figure']} ({report['unit']}), difference to {report['baseline']}"
    screen.table(title, ["arm", "difference", "95 %", "verdict"], rows, frozenset({1, 2}))
    for line in report["unequal"]:
        screen.say(f"not equal: {line}")
    return None
