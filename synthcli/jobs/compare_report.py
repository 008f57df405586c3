"""The report of a comparison: what was compared, what is equal and what is not, the verdicts, the runs."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

import synthcli
from synthcli.compare.contrasts import contrast_arms, value_of
from synthcli.compare.record import RunRecord
from synthcli.errors import SynthError
from synthcli.jobs.compare_config import CompareConfig
from synthcli.jobs.noise import find_floor
from synthcli.jobs.work import Failure
from synthcli.presets import plan
from synthcli.presets.planning import flops_of_sequence

FAIR = {  # of an arm, what a fair comparison asks to be equal, and in words
    "parameters": "parameters",
    "non_embedding": "parameters without embeddings",
    "steps": "steps",
    "tokens": "tokens, at most",
    "flops": "FLOPs of training",
    "learning_rate": "peak learning rate",
    "precision": "precision",
}

MADE = ("time", "commit", "processor", "device")  # what a report says of how a run was made
COLUMNS = {  # of the table of arms
    "arm": "arm",
    "mean": "mean",
    "deviation": "σ over seeds",
    "diverged": "diverged seeds",
    "parameters": "parameters",
    "flops": "FLOPs",
    "seconds": "seconds a run",
}


def fairness_of(config: CompareConfig) -> list[dict[str, Any]]:
    """Return a row an arm: what it is, and what it takes."""
    rows = []
    for arm, experiment in zip(config.arms, config.experiments, strict=True):
        planned = plan(experiment)
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
            }
        )
    return rows


def report_of(
    config: CompareConfig,
    records: Mapping[str, Mapping[int, RunRecord]],
    failures: Mapping[str, Mapping[int, Failure]],
) -> dict[str, Any]:
    """Return the report as it is written to JSON."""
    quantity = config.quantity
    empty = [name for name, of_arm in records.items() if not of_arm]
    if empty:
        raise SynthError(f"every run of arm `{empty[0]}` diverged", "lower `training.schedule.peak`")
    first = next(iter(next(iter(records.values())).values()))
    arms = fairness_of(config)
    for row in arms:
        of_arm = records[row["arm"]]
        values = {seed: value_of(record, quantity) for seed, record in sorted(of_arm.items())}
        row["values"] = {str(seed): value for seed, value in values.items()}
        row["mean"] = float(np.mean(list(values.values())))
        row["deviation"] = float(np.std(list(values.values()), ddof=1)) if len(values) > 1 else None
        row["diverged"] = sorted(failures.get(row["arm"], {}))
        row["seconds"] = float(np.median([record.cost["seconds"] for record in of_arm.values()]))
    floor = find_floor(config.experiments[0], quantity)
    contrasts = contrast_arms(records, quantity, config.margin, floor)
    return {
        "name": config.name,
        "command": config.command,
        "version": synthcli.__version__,
        "scale": first.scale,
        "metric": config.metric or quantity.metric,
        "figure": contrasts[0]["figure"],
        "unit": quantity.unit,
        "higher_is_better": contrasts[0]["higher_is_better"],
        "protocol": first.figures[0].protocol,
        "corpus": first.corpus,
        "split": first.split,
        "seeds": config.seeds_in_turn(),
        "equal": list(config.equal),
        "baseline": config.arms[0].name,
        "arms": arms,
        "unequal": unequal(arms),
        "contrasts": contrasts,
        "quote": quote(config, first, contrasts),
        "runs": [
            {
                "arm": arm,
                "seed": seed,
                "value": value_of(record, quantity),
                "run": record.run,
                "made": {key: record.made.get(key) for key in MADE},
                "cost": dict(record.cost),
            }
            for arm, of_arm in records.items()
            for seed, record in sorted(of_arm.items())
        ],
    }


def unequal(arms: list[dict[str, Any]]) -> list[str]:
    """Return a line for each thing that is not the same in all arms."""
    lines = []
    for key, words in FAIR.items():
        values = [row[key] for row in arms]
        if len(set(map(str, values))) > 1:
            shown = ", ".join(f"{row['arm']} {number_words(row[key])}" for row in arms)
            lines.append(f"{words}: {shown}")
    return lines


def quote(config: CompareConfig, first: RunRecord, contrasts: list[dict[str, Any]]) -> str:
    """Return one paragraph that can be quoted."""
    sentences = [_sentence(one, config) for one in contrasts]
    conditions = [first.split, f"scale {first.scale}", _count_seeds(len(config.seeds_in_turn()))]
    conditions += [f"equal {' and '.join(config.equal)}"] if config.equal else []
    where = f"On {first.corpus} ({', '.join(conditions)})"
    how = "95 % intervals over seeds and test samples together; Holm over arms"
    return f"{where}: {' '.join(sentences)} ({how}; synth {synthcli.__version__}.)"


def _count_seeds(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"{seeds} seeds"


def _sentence(contrast: Mapping[str, Any], config: CompareConfig) -> str:
    low, high = contrast["both"]["interval"]
    baseline, unit = config.arms[0].name, config.quantity.unit
    found = f"{contrast['arm']} − {baseline} = {contrast['difference']:+.3g} {unit} [{low:+.3g}, {high:+.3g}]"
    return f"{found}: {verdict_words(contrast)}."


def verdict_words(contrast: Mapping[str, Any]) -> str:
    """Return the verdict of a contrast in words."""
    word = contrast["verdict"]
    if word == "equivalent":
        return f"equivalent within {contrast['margin']:g}"
    if word != "undecided":
        return str(word)
    more = contrast["more_seeds"]
    if more:
        return f"undecided: about {more} more seed{'s' if more > 1 else ''} would decide"
    if len(contrast["pairs"]) == 1:
        return "undecided: one seed says nothing of others"
    return "undecided: more samples are needed, not seeds"


def markdown(report: Mapping[str, Any]) -> str:
    """Return the report for people."""
    better = "higher" if report["higher_is_better"] else "lower"
    head = [
        f"# {report['baseline']} against {', '.join(one['arm'] for one in report['contrasts'])}",
        "",
        report["quote"],
        "",
        f"Metric: {report['figure']}, {report['unit']}, {better} is better ({report['protocol']}).",
        "",
    ]
    contrasts = [
        "| arm − baseline | difference | over seeds | over samples | both | p (Holm) | verdict |",
        "|---|---|---|---|---|---|---|",
        *(_row(one) for one in report["contrasts"]),
        "",
    ]
    return "\n".join([*head, *contrasts, *_arms(report), *_runs(report)])


def _row(one: Mapping[str, Any]) -> str:
    cells = [
        one["arm"],
        f"{one['difference']:+.4g}",
        interval_words(one["over_seeds"]["interval"]),
        interval_words(one["over_samples"]["interval"]),
        interval_words(one["both"]["interval"]),
        f"{one['both']['adjusted_p']:.3g}",
        verdict_words(one),
    ]
    return _line(cells)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def interval_words(edges: Any) -> str:
    """Return an interval of differences."""
    return "one seed" if edges is None else f"[{edges[0]:+.3g}, {edges[1]:+.3g}]"


def _arms(report: Mapping[str, Any]) -> list[str]:
    rows = [_line(map(number_words, (row[key] for key in COLUMNS))) for row in report["arms"]]
    unlike = [f"- {line}" for line in report["unequal"]] or ["- nothing that is counted"]
    return [
        "## Arms",
        "",
        _line(COLUMNS.values()),
        _line("---" for _ in COLUMNS),
        *rows,
        "",
        "Not equal:",
        "",
        *unlike,
        "",
    ]


def _runs(report: Mapping[str, Any]) -> list[str]:
    rows = [f"| {one['arm']} | {one['seed']} | {one['run']} |" for one in report["runs"]]
    again = (
        ["## Runs", "", f"`{report['command']}` makes this report again.", ""] if report["command"] else []
    )
    return [*again, "| arm | seed | run |", "|---|---|---|", *rows, ""]


def number_words(value: Any) -> str:
    """Return a number as tables show it, words and what is not there as well."""
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
