"""The report of a ladder: every rung, fits of loss over compute, what the baseline needs to be as good."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from synthcli.compare.contrast_types import ContrastTable
from synthcli.compare.contrasts import PairedArms, decide_pairs, pair_arms, value_of
from synthcli.compare.ladder import BEYOND
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.report import fairness_of
from synthcli.jobs.compare.report_types import ArmPlan
from synthcli.jobs.ladder.fits import fits_of
from synthcli.jobs.ladder.report_types import LadderReport, RungArm, RungTable

if TYPE_CHECKING:
    from synthcli.jobs.compare.compare import ArmComparison

    Comparisons = Mapping[str, ArmComparison]

PLANNED = "6 · parameters a token passes through · tokens, at full length"
COUNTED = "6 · parameters a token passes through · tokens that the runs counted"


def ladder_of(config: CompareConfig, rungs: "Comparisons") -> LadderReport:
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
        **fits_of(names, tables),
    }


def _rungs_of(config: CompareConfig, rungs: "Comparisons") -> tuple[list[RungTable], str]:
    """Return a table for each rung, and what their FLOPs are."""
    rows = {name: fairness_of(rung.config) for name, rung in rungs.items()}
    is_planned = all(row["flops"] for of_rung in rows.values() for row in of_rung)
    contrasts = _contrasts_of(config, rungs)
    tables: list[RungTable] = [
        {
            "rung": name,
            "arms": [_arm_row(row, rung, is_planned) for row in rows[name]],
            "contrasts": contrasts[name],
        }
        for name, rung in rungs.items()
    ]
    return tables, PLANNED if is_planned else COUNTED


def _arm_row(planned: ArmPlan, rung: "ArmComparison", is_planned: bool) -> RungArm:
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
        "arm": name,
        "steps": planned["steps"],
        "parameters": planned["parameters"],
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


def _contrasts_of(config: CompareConfig, rungs: "Comparisons") -> dict[str, list[ContrastTable]]:
    """Return the contrasts of each rung; all rungs and arms together are one family of tests."""
    margin = config.limits[config.quantity.word]
    pairs: dict[str, list[PairedArms]] = {}
    for name, rung in rungs.items():
        baseline, *_ = rung.records.values()
        arms = {arm: records for arm, records in rung.records.items() if baseline.keys() & records.keys()}
        pairs[name] = pair_arms(arms, config.quantity, margin) if baseline else []
    evaluated = iter(decide_pairs([one for of_rung in pairs.values() for one in of_rung]))
    return {name: [next(evaluated) for _ in of_rung] for name, of_rung in pairs.items()}
