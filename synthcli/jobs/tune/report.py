"""What a tuning came to, as it is written to JSON: trials, the best, best of k, what to look at again."""

import math
from collections.abc import Sequence

from synthcli.compare.search import Range, Value, best_of_k
from synthcli.jobs.compare.arms import Arm
from synthcli.jobs.tune.axes import settings_of
from synthcli.jobs.tune.report_types import TrialRow, TunedArm, TuningReport
from synthcli.jobs.tune.tune import Tuning, winner_of

POINTS = "Sobol', every digit shifted by 1/3"


def tabulate(tuning: Tuning) -> TuningReport:
    """Return what a tuning came to as it is written to JSON."""
    config = tuning.config
    return {
        "trials": config.trials,
        "points": POINTS,
        "ranges": {axis.key: str(axis) for axis in config.axes},
        "logarithmic": [axis.key for axis in config.axes if isinstance(axis, Range) and axis.is_log],
        "intervals": {axis.key: [axis.low, axis.high] for axis in config.axes if isinstance(axis, Range)},
        "halving": config.is_halving,
        "warnings": [],
        "judged_by": "validation loss at the end of the training",
        "arms": [arm_row(tuning, arm) for arm in config.arms],
    }


def arm_row(tuning: Tuning, arm: Arm) -> TunedArm:
    """Return the trials of an arm, the best of them, and how good the best of k is expected to be."""
    config, best = tuning.config, winner_of(tuning, arm)
    rows = [trial_row(tuning, arm, number) for number in range(1, config.trials + 1)]
    losses = [math.inf if row["loss"] is None else row["loss"] for row in rows]
    curve = None if config.is_halving else [_finite(one) for one in best_of_k(losses)]
    return {
        "arm": arm.name,
        "preset": arm.preset,
        "seed": config.seeds[config.arms.index(arm)],
        "rungs": list(config.rungs_of(arm)) if config.is_halving else None,
        "trials": rows,
        "best": {
            "trial": best,
            "values": dict(config.points[best - 1]),
            "loss": rows[best - 1]["loss"],
            "settings": list(settings_of(config.points[best - 1])),
        },
        "best_of_k": curve,
        "warnings": edge_warnings(tuning, arm, best),
    }


def trial_row(tuning: Tuning, arm: Arm, number: int) -> TrialRow:
    """Return what a trial came to; of one that diverged, or that stopped early, the loss is None."""
    config, record = tuning.config, tuning.records[arm.name, number]
    last = len(config.rungs_of(arm)) - 1
    loss = tuning.losses_of(arm, last).get(number)
    stopped = None
    if loss is None and not record.diverged:
        rung = max(rung for rung in range(last + 1) if number in tuning.alive_at(arm, rung))
        stopped = config.rungs_of(arm)[rung]
    return {
        "trial": number,
        "values": dict(config.points[number - 1]),
        "loss": None if loss is None else _finite(loss),
        "diverged": record.diverged if loss is None or math.isinf(loss) else "",
        "stopped": stopped,
        "losses": [list(pair) for pair in record.losses],
        "run": record.run,
    }


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def edge_warnings(tuning: Tuning, arm: Arm, best: int) -> list[str]:
    """Return a line for each setting whose best value is the lowest or the highest of those tried."""
    config, lines = tuning.config, []
    for axis in config.axes:
        tried: Sequence[Value] = [point[axis.key] for point in config.points]
        value = config.points[best - 1][axis.key]
        edge = axis.edge(value, tried)
        if edge is not None and isinstance(axis, Range):
            end = "lowest" if edge == "low" else "highest"
            where = "below" if edge == "low" else "above"
            lines.append(
                f"arm `{arm.name}` is best at the {end} `{axis.key}` that was tried, {value:.4g}: "
                f"a better one may lie {where}, try `{config.option} {axis.key}={axis.beyond(edge)}`"
            )
    return lines
