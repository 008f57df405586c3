"""The report of a ladder: every rung, fits of loss over compute, what the baseline needs to be as good."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from synthcli.compare.contrasts import PairedArms, judge_pairs, pair_arms, value_of
from synthcli.compare.ladder import BEYOND, FEWEST, Ladder
from synthcli.evaluation.sampled import Array
from synthcli.jobs.compare_config import CompareConfig
from synthcli.jobs.compare_report import fairness_of
from synthcli.jobs.ladder_rungs import Row

if TYPE_CHECKING:
    from synthcli.jobs.compare import ArmComparison

    Comparisons = Mapping[str, ArmComparison]

PLANNED = "6 · parameters a token passes through · tokens, at full length"
COUNTED = "6 · parameters a token passes through · tokens that the runs counted"
BAND_POINTS = 25


def ladder_of(config: CompareConfig, rungs: "Comparisons") -> Row:
    """Return the report of all rungs; `config` is that of the last."""
    assert config.ladder is not None
    tables, formula = _rungs_of(config, rungs)
    names = [arm.name for arm in config.arms]
    return {
        "field": config.ladder.name,
        "metric": config.quantity.word,
        "figure": config.quantity.figure,
        "unit": config.quantity.unit,
        "compute": formula,
        "beyond": BEYOND,
        "rungs": tables,
        "fits": [_fit_of(name, tables) for name in names],
        "multipliers": [_multipliers_of(names[0], name, tables) for name in names[1:]],
    }


def _rungs_of(config: CompareConfig, rungs: "Comparisons") -> tuple[list[Row], str]:
    """Return a table for each rung, and what their FLOPs are."""
    rows = {name: fairness_of(rung.config) for name, rung in rungs.items()}
    is_planned = all(row["flops"] for of_rung in rows.values() for row in of_rung)
    contrasts = _contrasts_of(config, rungs)
    tables: list[Row] = [
        {
            "rung": name,
            "arms": [_arm_row(row, rung, is_planned) for row in rows[name]],
            "contrasts": contrasts[name],
        }
        for name, rung in rungs.items()
    ]
    return tables, PLANNED if is_planned else COUNTED


def _arm_row(planned: Row, rung: "ArmComparison", is_planned: bool) -> Row:
    """Return an arm at a rung."""
    name, config = planned["arm"], rung.config
    records = dict(sorted(rung.records[name].items()))
    losses = [value_of(record, config.quantity) for record in records.values()]
    tokens = [record.cost["tokens"] for record in records.values()]
    flops = planned["flops"]
    if not is_planned:
        model = next(
            one.model for arm, one in zip(config.arms, config.experiments, strict=True) if arm.name == name
        )
        longest = (model.max_source_length or 0) + (model.max_target_length or 0)
        flops = planned["flops_per_sequence"] / longest * float(np.mean(tokens)) if tokens else None
    return {
        **{key: planned[key] for key in ("arm", "steps", "parameters")},
        "flops": flops,
        "tokens": float(np.mean(tokens)) if tokens else None,
        "seconds": float(np.median([record.cost["seconds"] for record in records.values()]))
        if records
        else None,
        "losses": {str(seed): loss for seed, loss in zip(records, losses, strict=True)},
        "mean": float(np.mean(losses)) if losses else None,
        "deviation": float(np.std(losses, ddof=1)) if len(losses) > 1 else None,
        "diverged": sorted(rung.failures.get(name, {})),
    }


def _contrasts_of(config: CompareConfig, rungs: "Comparisons") -> dict[str, list[Row]]:
    """Return the contrasts of each rung; all rungs and arms together are one family of tests."""
    margin = config.limits[config.quantity.word]
    pairs: dict[str, list[PairedArms]] = {}
    for name, rung in rungs.items():
        baseline, *_ = rung.records.values()
        arms = {arm: records for arm, records in rung.records.items() if baseline.keys() & records.keys()}
        pairs[name] = pair_arms(arms, config.quantity, margin) if baseline else []
    judged = iter(judge_pairs([one for of_rung in pairs.values() for one in of_rung]))
    return {name: [next(judged) for _ in of_rung] for name, of_rung in pairs.items()}


def _fit_of(arm: str, tables: list[Row]) -> Row:
    """Return the fit of one arm: the law, how sure it is, and how far off it the means lie."""
    used = _ladder(tables, [arm])
    if isinstance(used, str):
        return {"arm": arm, "missing": used}
    ladder, rungs, seeds = used
    law, error = ladder.laws[0], ladder.error
    compute = np.geomspace(ladder.compute[0].min(), ladder.compute[0].max(), BAND_POINTS)
    return {
        "arm": arm,
        "missing": None,
        "rungs": rungs,
        "seeds": seeds,
        "exponent": float(law.exponent),
        "exponent_interval": ladder.exponent_interval(),
        "intercept": float(law.intercept),
        "residuals": ladder.residuals[0].tolist(),
        "misfit_p": error.misfit_p,
        "freedom": error.freedom,
        "curve": [side.tolist() for side in (compute, *ladder.band(compute))],
    }


def _multipliers_of(baseline: str, arm: str, tables: list[Row]) -> Row:
    """Return what compute the baseline needs to be as good as the arm at each rung, and where fits cross."""
    used = _ladder(tables, [baseline, arm])
    if isinstance(used, str):
        return {"arm": arm, "missing": used}
    ladder, rungs, seeds = used
    found = [ladder.multiplier(place) for place in range(len(rungs))]
    if any(one is None for one in found):
        return {"arm": arm, "missing": f"the loss of `{baseline}` does not fall with compute"}
    return {
        "arm": arm,
        "missing": None,
        "seeds": seeds,
        "freedom": ladder.error.freedom,
        "misfit_p": ladder.error.misfit_p,
        "rungs": [
            {"rung": rung, **asdict(one)} for rung, one in zip(rungs, found, strict=True) if one is not None
        ],
        "crossings": ladder.crossings(),
    }


def _ladder(tables: list[Row], arms: list[str]) -> tuple[Ladder, list[str], list[str]] | str:
    """Return the rungs that all arms ran, and the seeds that ran all of these; else why there are none."""
    rows = {table["rung"]: _rows(table, arms) for table in tables}
    rows = {rung: of_rung for rung, of_rung in rows.items() if all(row["losses"] for row in of_rung)}
    if len(rows) < FEWEST:
        return f"a fit takes {FEWEST} rungs with a run of every arm, and there are {len(rows)}"
    common = set.intersection(*(set(row["losses"]) for of_rung in rows.values() for row in of_rung))
    if not common:
        return "no seed ended all of these rungs"
    seeds = sorted(common, key=int)
    compute = np.array([[row["flops"] for row in side] for side in zip(*rows.values(), strict=True)])
    if _is_flat(compute):
        return "every rung takes the same compute"
    losses = [
        [[row["losses"][seed] for row in side] for seed in seeds] for side in zip(*rows.values(), strict=True)
    ]
    return Ladder(compute, np.array(losses)), list(rows), seeds


def _rows(table: Row, arms: Iterable[str]) -> list[Row]:
    return [row for arm in arms for row in table["arms"] if row["arm"] == arm]


def _is_flat(compute: Array) -> bool:
    return bool((np.ptp(compute, axis=1) == 0).any())
