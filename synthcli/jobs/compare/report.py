"""The report of a comparison: what was compared, what is equal and what is not, the verdicts, the runs."""

from collections.abc import Mapping, Sequence

import numpy as np

import synthcli
from synthcli.compare.contrast_types import ContrastTable
from synthcli.compare.contrasts import contrast_figures, get_quantity, value_of
from synthcli.compare.figures import Quantity, find_quantity
from synthcli.compare.record import RunRecord
from synthcli.errors import SynthError
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.noise import find_floor
from synthcli.jobs.compare.report_types import (
    ArmFigures,
    ArmPlan,
    ArmRow,
    AskedParts,
    CompareReport,
)
from synthcli.jobs.compare.words import number_words, verdict_words
from synthcli.jobs.parallel.work import Failure
from synthcli.presets import plan_training
from synthcli.presets.planning import flops_of_sequence

FAIR = {  # of an arm, what a fair comparison asks to be equal, and in words
    "parameters": "parameters",
    "non_embedding": "parameters without embeddings",
    "steps": "steps",
    "tokens": "tokens, at most",
    "flops": "FLOPs of training",
    "learning_rate": "peak learning rate",
    "precision": "precision",
    "first_seed": "first seed, so that equal numbers are no pairs",
}

MADE = ("time", "commit", "processor", "device")  # what a report says of how a run was made


def fairness_of(config: CompareConfig) -> list[ArmPlan]:
    """Return a row an arm: what it is, and what it takes."""
    rows: list[ArmPlan] = []
    for number, (arm, experiment) in enumerate(zip(config.arms, config.experiments, strict=True)):
        planned = plan_training(experiment)
        rows.append(
            {
                "arm": arm.name,
                "preset": experiment.name,
                "settings": list(arm.overrides),
                "parameters": planned.parameters.total,
                "non_embedding": planned.parameters.non_embedding,
                "steps": planned.steps,
                "tokens": planned.max_tokens,
                "flops": planned.flops,
                "flops_per_sequence": flops_of_sequence(experiment.model),
                "learning_rate": getattr(experiment.training.schedule, "peak", None),
                "precision": experiment.training.precision,
                "first_seed": config.seed_of(number, config.first_seed),
            }
        )
    return rows


def report_of(
    config: CompareConfig,
    records: Mapping[str, Mapping[int, RunRecord]],
    failures: Mapping[str, Mapping[int, Failure]],
) -> CompareReport:
    """Return the report as it is written to JSON."""
    empty = [name for name, of_arm in records.items() if not of_arm]
    if empty:
        raise SynthError(f"every run of arm `{empty[0]}` diverged", "lower `training.schedule.peak`")
    first = next(iter(next(iter(records.values())).values()))
    arms = [
        _arm_row(row, config, records[row["arm"]], failures.get(row["arm"], {}))
        for row in fairness_of(config)
    ]
    floors = [find_floor(config.experiments[0], one) for one in config.quantities]
    contrasts = contrast_figures(
        records,
        [(one, config.limits[one.word], floor) for one, floor in zip(config.quantities, floors, strict=True)],
    )
    return {
        "name": config.name,
        "command": config.command,
        "version": synthcli.__version__,
        "scale": first.scale,
        "metrics": {
            one["metric"]: {
                "figure": one["figure"],
                "unit": one["unit"],
                "higher_is_better": one["higher_is_better"],
                "margin": one["margin"],
                "protocol": get_quantity(first, find_quantity(one["metric"])).protocol,
            }
            for one in contrasts
        },
        "corpus": first.corpus,
        "split": first.split,
        "seeds": config.seeds_in_turn(),
        "equal": list(config.equal),
        "baseline": config.arms[0].name,
        "arms": arms,
        **_tuned(config),
        "unequal": [*unequal(arms), *_evaluations(records), *_commits(records)],
        "contrasts": contrasts,
        "quote": quote(config, first, contrasts),
        "runs": [
            {
                "arm": arm,
                "seed": record.seed,
                "values": {one.word: value_of(record, one) for one in config.quantities},
                "run": record.run,
                "made": {key: record.made.get(key) for key in MADE},
                "cost": dict(record.cost),
            }
            for arm, of_arm in records.items()
            for record in of_arm.values()
        ],
    }


def _tuned(config: CompareConfig) -> AskedParts:
    """Return what found the settings of the arms, where something did."""
    if config.tuning is None or "missing" in config.tuning:
        return {}
    return {"tuning": config.tuning}


def _arm_row(
    planned: ArmPlan,
    config: CompareConfig,
    records: Mapping[int, RunRecord],
    failures: Mapping[int, Failure],
) -> ArmRow:
    """Return an arm and what its runs came to."""
    return {
        **planned,
        "figures": {one.word: _figures_of(records, one) for one in config.quantities},
        "diverged": sorted(failures),
        "seconds": float(np.median([record.cost["seconds"] for record in records.values()])),
    }


def _figures_of(records: Mapping[int, RunRecord], quantity: Quantity) -> ArmFigures:
    """Return the values of an arm by seed, their mean, and how far they vary."""
    values = {seed: value_of(record, quantity) for seed, record in records.items()}
    found = list(values.values())
    return {
        "values": {str(seed): value for seed, value in values.items()},
        "mean": float(np.mean(found)),
        "deviation": float(np.std(found, ddof=1)) if len(found) > 1 else None,
    }


def unequal(arms: Sequence[Mapping[str, object]]) -> list[str]:
    """Return a line for each thing that is not the same in all arms."""
    lines = []
    for key, words in FAIR.items():
        values = [row[key] for row in arms]
        if len(set(map(str, values))) > 1:
            shown = ", ".join(f"{row['arm']} {number_words(row[key])}" for row in arms)
            lines.append(f"{words}: {shown}")
    return lines


def _evaluations(records: Mapping[str, Mapping[int, RunRecord]]) -> list[str]:
    """Return a line for each option of an evaluation that arms do not share."""
    firsts = {arm: next(iter(of_arm.values())) for arm, of_arm in records.items()}
    lines = []
    for metric in next(iter(firsts.values())).metrics:
        options = {arm: record.options.get(metric, {}) for arm, record in firsts.items()}
        for key in dict.fromkeys(key for of_arm in options.values() for key in of_arm):
            if len({str(of_arm.get(key)) for of_arm in options.values()}) > 1:
                shown = ", ".join(f"{arm} {number_words(of_arm.get(key))}" for arm, of_arm in options.items())
                lines.append(f"`evaluation.{key}` of {metric}: {shown}")
    return lines


def _commits(records: Mapping[str, Mapping[int, RunRecord]]) -> list[str]:
    """Return a line where runs were made by more than one version of the code."""
    made = (str(record.made.get("commit")) for of_arm in records.values() for record in of_arm.values())
    found = list(dict.fromkeys(commit[:10] for commit in made))
    return [f"commit: {', '.join(found)}"] if len(found) > 1 else []


def quote(config: CompareConfig, first: RunRecord, contrasts: list[ContrastTable]) -> str:
    """Return one paragraph that can be quoted."""
    sentences = [_sentence(one, config) for one in contrasts]
    conditions = [first.split, f"scale {first.scale}", _count_seeds(len(config.seeds_in_turn()))]
    conditions += [f"equal {' and '.join(config.equal)}"] if config.equal else []
    conditions += [] if config.tuning is None else [f"each arm tuned by {config.tuning['trials']} trials"]
    where = f"On {first.corpus} ({', '.join(conditions)})"
    family = "arms and metrics" if len(config.quantities) > 1 else "arms"
    how = f"95 % intervals over seeds and test samples together; Holm over {family}"
    return f"{where}: {' '.join(sentences)} ({how}; synth {synthcli.__version__}.)"


def _count_seeds(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"{seeds} seeds"


def _sentence(contrast: ContrastTable, config: CompareConfig) -> str:
    low, high = contrast["both"]["interval"]
    baseline, unit = config.arms[0].name, contrast["unit"]
    found = f"{contrast['arm']} − {baseline} = {contrast['difference']:+.3g} {unit} [{low:+.3g}, {high:+.3g}]"
    return f"{found}: {verdict_words(contrast)}."
