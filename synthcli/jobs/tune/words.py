"""What a tuning came to, in words and tables for people."""

from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.report_types import ArmPlan
from synthcli.jobs.markdown import table_lines
from synthcli.jobs.tune.report_types import TrialRow, TunedArm, TuningReport


def count_trials(row: ArmPlan, config: CompareConfig, known: list[float]) -> float:
    """Put into a row of a plan the trials that are to be made; return how many runs they cost.

    Until they are there nobody knows with which settings an arm is compared: all its runs are to be made.
    """
    planned = config.tuning
    if planned is None or "missing" not in planned:
        return 0.0
    missing = planned["missing"][row["arm"]]
    row["trials"], row["missing"] = missing["trials"], config.seeds
    rung, ladder = config.arms[0].rung, config.ladder
    if rung is not None and ladder is not None and rung.name != ladder.rung(ladder.values[0]):
        row["trials"] = 0  # they stand beside the first rung
        return 0.0
    known += missing["seconds"]
    return float(missing["runs"])


def warnings_of(table: TuningReport) -> list[str]:
    """Return what is to be looked at again, of all arms."""
    return [*table["warnings"], *(line for arm in table["arms"] for line in arm["warnings"])]


def headers(arm: TunedArm) -> list[str]:
    """Return the head of the table of an arm's trials."""
    return ["trial", *arm["best"]["values"], "validation loss"]


def cells(arm: TunedArm) -> list[list[str]]:
    """Return the table of an arm's trials, the best marked."""
    return [
        [
            f"{row['trial']}{' *' if row['trial'] == arm['best']['trial'] else ''}",
            *(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row["values"].values()),
            loss_words(row),
        ]
        for row in arm["trials"]
    ]


def loss_words(row: TrialRow) -> str:
    """Return the loss of a trial, or why there is none."""
    if row["loss"] is not None:
        return f"{row['loss']:.4f}"
    if row["diverged"]:
        return "diverged"
    loss = next(loss for step, loss in row["losses"] if step == row["stopped"])
    return f"{loss:.4f}, stopped at step {row['stopped']}"


def best_of_k_cells(table: TuningReport) -> list[list[str]]:
    """Return the expected best loss by number of trials, a row an arm; none where trials were stopped."""
    return [
        [arm["arm"], *("–" if loss is None else f"{loss:.4f}" for loss in arm["best_of_k"])]
        for arm in table["arms"]
        if arm["best_of_k"] is not None
    ]


def describe_tuning(table: TuningReport, level: str = "##") -> list[str]:
    """Return the lines of a report that tell of a tuning."""
    lines = [f"{level} Tuning", "", *(f"{one}\n" for one in sentences(table))]
    for arm in table["arms"]:
        lines += [f"{level}# {arm['arm']}", "", *table_lines(headers(arm), cells(arm)), ""]
    rows = best_of_k_cells(table)
    if rows:
        counts = ["best of k", *map(str, range(1, table["trials"] + 1))]
        lines += [f"{level}# Expected best of k trials", "", *table_lines(counts, rows), ""]
    return lines


def sentences(table: TuningReport) -> list[str]:
    """Return what was done, and what to look at again."""
    ranges = ", ".join(f"`{key}` in {text}" for key, text in table["ranges"].items())
    how = "the worse half stops at a quarter and at a half of the schedule" if table["halving"] else "no stop"
    what = f"{table['trials']} trials of each arm at the same points ({table['points']}): {ranges}; {how}."
    seeds = ", ".join(dict.fromkeys(str(arm["seed"]) for arm in table["arms"]))
    evaluated = (
        f"Trials have seed {seeds}, which no compared run has, and are decided by the validation loss at "
    )
    return [what, f"{evaluated}their end; no test text is read.", *warnings_of(table)]
