"""The fits of a ladder's report: loss over compute by arm, and what the baseline needs to be as good."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthcli.compare.ladder import FEWEST, Ladder, choose_degree
from synthcli.compare.loss_law import BENT
from synthcli.jobs.ladder.report_types import (
    FitRow,
    LadderFits,
    MissingRow,
    MultiplierRow,
    RungArm,
    RungTable,
)

BAND_POINTS = 25
Tables = Sequence[RungTable]


@dataclass(frozen=True)
class SharedRungs:
    """What arms have in common: the rungs that all of them ran, and the seeds that ended all of these."""

    rungs: tuple[str, ...]
    seeds: tuple[str, ...]
    ladder: Ladder


def fits_of(names: Sequence[str], tables: Tables) -> LadderFits:
    """Return the fit of each arm, and the multipliers of each but the first, which is the baseline."""
    alone = {name: _share(tables, [name]) for name in names}
    degree = choose_degree(one.ladder for one in alone.values() if not isinstance(one, str))
    return {
        "law": "log L = a − b x − c x²" if degree == BENT else "log L = a − b x",
        "fits": [_fit_row(name, one, degree) for name, one in alone.items()],
        "multipliers": [
            _multiplier_row(names[0], name, _share(tables, [names[0], name]), degree) for name in names[1:]
        ],
    }


def _fit_row(arm: str, found: SharedRungs | str, degree: int) -> FitRow | MissingRow:
    """Return the fit of one arm: the law, how sure it is, and how far off it the means lie."""
    if isinstance(found, str):
        return {"arm": arm, "missing": found}
    ladder = found.ladder.bend(degree)
    compute = np.geomspace(ladder.compute[0].min(), ladder.compute[0].max(), BAND_POINTS)
    exponents, low, high = ladder.exponents()
    return {
        "arm": arm,
        "missing": None,
        "rungs": found.rungs,
        "seeds": found.seeds,
        "middle": float(np.exp(ladder.laws[0].centre)),
        "coefficients": (ladder.laws[0].coefficients * (1, -1, -1)[: ladder.degree + 1]).tolist(),
        "exponents": exponents.tolist(),
        "exponent_intervals": np.stack((low, high), 1).tolist(),
        "residuals": ladder.residuals[0].tolist(),
        "power_law_misfit_p": found.ladder.error.misfit_p,
        "misfit_p": ladder.error.misfit_p,
        "freedom": ladder.error.freedom,
        "curve": [side.tolist() for side in (compute, *ladder.band(compute))],
    }


def _multiplier_row(
    baseline: str, arm: str, found: SharedRungs | str, degree: int
) -> MultiplierRow | MissingRow:
    """Return what compute the baseline needs to be as good as the arm at each rung, and where fits cross."""
    if isinstance(found, str):
        return {"arm": arm, "missing": found}
    ladder = found.ladder.bend(degree)
    multipliers = [ladder.multiplier(place) for place in range(ladder.rungs)]
    if any(one is None for one in multipliers):
        return {"arm": arm, "missing": f"the loss of {baseline} does not fall with compute"}
    return {
        "arm": arm,
        "missing": None,
        "seeds": found.seeds,
        "freedom": ladder.error.freedom,
        "misfit_p": ladder.error.misfit_p,
        "rungs": [
            {
                "rung": rung,
                "value": one.value,
                "bound": one.bound,
                "interval": one.interval,
                "limits": one.limits,
            }
            for rung, one in zip(found.rungs, multipliers, strict=True)
            if one is not None
        ],
        "crossings": [{"flops": one.flops, "interval": one.interval} for one in ladder.crossings()],
    }


def _share(tables: Tables, arms: Sequence[str]) -> SharedRungs | str:
    """Return what arms have in common; why there is too little of it, in words."""
    rows = {table["rung"]: _rows(table, arms) for table in tables}
    rows = {rung: of_rung for rung, of_rung in rows.items() if all(row["losses"] for row in of_rung)}
    if len(rows) < FEWEST:
        return f"a fit takes {FEWEST} rungs with a run of every arm, and there are {len(rows)}"
    ended = set.intersection(*(set(row["losses"]) for of_rung in rows.values() for row in of_rung))
    sides = list(zip(*rows.values(), strict=True))
    compute = np.array([[row["flops"] for row in side] for side in sides])
    if not ended or (np.ptp(compute, axis=1) == 0).any():
        return "every rung takes the same compute" if ended else "no seed ended all of these rungs"
    seeds = sorted(ended, key=int)
    losses = np.array([[[row["losses"][seed] for row in side] for seed in seeds] for side in sides])
    return SharedRungs(tuple(rows), tuple(seeds), Ladder(compute, losses))


def _rows(table: RungTable, arms: Sequence[str]) -> list[RungArm]:
    return [row for arm in arms for row in table["arms"] if row["arm"] == arm]
