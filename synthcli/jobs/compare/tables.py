"""The figures of a comparison as CSV (RFC 4180): rows of runs, contrasts, validations; nothing is rounded."""

import csv
import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields

from synthcli.compare.contrast_types import ContrastTable
from synthcli.compare.record import RunRecord
from synthcli.jobs.compare.curves import CurvePoint, Records, list_points
from synthcli.jobs.compare.report_types import CompareReport

Row = Mapping[str, object]
RUNS = (
    *("arm", "preset", "scale", "settings", "pair", "seed", "outcome", "metric", "figure", "unit", "value"),
    *("corpus", "split", "steps", "seconds", "tokens", "peak_memory", "peak_gpu_memory"),
    *("parameters", "non_embedding", "run", "time", "commit", "processor", "device"),
)
CONTRASTS = (
    *("arm", "baseline", "metric", "figure", "unit", "higher_is_better", "pairs", "difference", "margin"),
    *("seeds_low", "seeds_high", "samples_low", "samples_high", "both_low", "both_high"),
    *("seeds_error", "samples_error", "both_error", "is_noise_floor"),
    *("sign_flip_p", "bootstrap_p", "randomisation_p", "p", "adjusted_p", "adjusted_equivalence_p"),
    *("correlation", "gain_of_pairs", "smallest_difference", "verdict", "more_seeds"),
)


def make_tables(report: CompareReport, records: Records) -> dict[str, str]:
    """Return the text of each file by its name; what is not known is an empty field."""
    points = [asdict(point) for point in list_points(report, records)]
    return {
        "runs.csv": csv_text(RUNS, list(list_runs(report, records))),
        "contrasts.csv": csv_text(CONTRASTS, [flatten_contrast(one, report) for one in report["contrasts"]]),
        "curves.csv": csv_text([field.name for field in fields(CurvePoint)], points),
    }


def csv_text(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a table as text; floats have every digit that tells them apart."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def list_runs(report: CompareReport, records: Records) -> Iterator[Row]:
    """Yield a row for each metric of each run; a training that diverged has a row without a value."""
    for arm in report["arms"]:
        own = _pick(report, "scale", "corpus", "split")
        own |= _pick(arm, "arm", "preset", "parameters", "non_embedding")
        own["settings"] = shlex.join(arm["settings"])
        for pair, record in sorted(records[arm["arm"]].items()):
            for word, metric in report["metrics"].items():
                named = {"metric": word, "figure": metric["figure"], "unit": metric["unit"]}
                value = arm["figures"][word]["values"][str(pair)]
                yield {**own, **flatten_run(record), **named, "pair": pair, "value": value}
        for pair in arm["diverged"]:
            yield {**own, "pair": pair, "outcome": "diverged"}


def _pick(table: Row, *keys: str) -> dict[str, object]:
    return {key: table[key] for key in keys}


def flatten_run(record: RunRecord) -> dict[str, object]:
    """Return what a record says of its run, in columns."""
    kept = ("preset", "scale", "seed", "corpus", "split", "steps", "parameters", "non_embedding", "run")
    made = {key: record.made[key] for key in ("time", "commit", "processor", "device") if key in record.made}
    cost = {key: value for key, value in record.cost.items() if key in RUNS}
    return {**{key: getattr(record, key) for key in kept}, **made, **cost, "outcome": "finished"}


def flatten_contrast(one: ContrastTable, report: CompareReport) -> Row:
    """Return a contrast in columns; `pairs` counts them."""
    row: dict[str, object] = {key: value for key, value in one.items() if key in CONTRASTS}
    row |= {"baseline": report["baseline"], "pairs": len(one["pairs"])}
    sides = {"seeds": one["over_seeds"], "samples": one["over_samples"], "both": one["both"]}
    for side, table in sides.items():
        row[f"{side}_low"], row[f"{side}_high"] = table["interval"] or (None, None)
        row[f"{side}_error"] = table["error"]
        row |= {key: value for key, value in table.items() if key in CONTRASTS}
    return row
