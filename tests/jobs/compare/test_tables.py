"""The figures of a comparison as CSV, read back: every digit, whatever arms are called; curves."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synthcli.compare.record import RunRecord
from synthcli.jobs.compare.curves import draw_curves, gather_curve, list_points
from synthcli.jobs.compare.tables import make_tables
from tests.jobs.compare.test_page import record
from tests.jobs.compare.test_page import report_of as bare_report

NAMES = ("a,b", 'say "no"', "two\nlines", "=1+1", "ünlike")
CLOCK = ((2.0, 0.1 + 0.2, 64.0), (4.0, 1.25, 130.0))


@pytest.fixture(params=NAMES)
def records(request: pytest.FixtureRequest) -> dict[str, dict[int, RunRecord]]:
    shifts = {"base": 0.0, request.param: 1 / 3}
    return {
        arm: {seed: replace(record(seed, shift), clock=CLOCK) for seed in range(3)}
        for arm, shift in shifts.items()
    }


def report_of(records: dict[str, dict[int, RunRecord]]) -> dict[str, Any]:
    report = {**bare_report(records), "scale": "smoke", "corpus": "copy", "split": "test", "baseline": "base"}
    kept = {"preset": "p", "settings": ["a=1", "b=x y"], "non_embedding": 1, "flops": 1e15}
    kept["figures"] = {"perplexity": {"values": {str(seed): 1 / (3 + seed) for seed in range(3)}}}
    report["arms"] = [{**row, **kept} for row in report["arms"]]
    return report


def read_back(text: str) -> list[dict[str, str]]:
    assert text.endswith("\r\n")  # RFC 4180, 2.1
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_tables_hold_every_digit_under_any_name(records: dict[str, dict[int, RunRecord]]) -> None:
    report, (_, name) = report_of(records), records
    tables = {file: read_back(text) for file, text in make_tables(report, records).items()}
    runs, (contrast,), curves = (tables[file] for file in ("runs.csv", "contrasts.csv", "curves.csv"))
    assert [(one["arm"], int(one["seed"])) for one in runs] == [(a, s) for a in records for s in range(3)]
    assert [float(one["value"]) for one in runs] == 2 * [1 / 3, 1 / 4, 1 / 5]
    assert runs[0]["settings"] == "a=1 'b=x y'" and runs[0]["outcome"] == "finished"
    assert runs[0]["seconds"] == "1.0" and runs[0]["tokens"] == ""
    own = report["contrasts"][0]
    assert contrast["arm"] == name and contrast["baseline"] == "base" and contrast["pairs"] == "3"
    assert float(contrast["difference"]) == own["difference"]
    for side, table in (("seeds", "over_seeds"), ("samples", "over_samples"), ("both", "both")):
        assert [float(contrast[f"{side}_{edge}"]) for edge in ("low", "high")] == [*own[table]["interval"]]
    assert float(contrast["adjusted_p"]) == own["both"]["adjusted_p"]
    assert float(contrast["sign_flip_p"]) == own["over_seeds"]["sign_flip_p"]
    assert (contrast["verdict"], contrast["metric"]) == (own["verdict"], "perplexity")
    first = curves[0]
    assert (first["arm"], first["seed"], first["step"]) == ("base", "0", "2")
    assert float(first["seconds"]) == 0.1 + 0.2 and float(first["tokens"]) == 64
    assert float(first["flops"]) == 1e15 / 2 and float(first["validation_loss"]) == 3.0


def test_what_is_not_known_is_an_empty_field(records: dict[str, dict[int, RunRecord]]) -> None:
    old = {arm: {0: replace(of_arm[0], clock=())} for arm, of_arm in records.items()}
    report = report_of(old)
    report["arms"] = [{**row, "flops": None, "diverged": [1]} for row in report["arms"]]
    tables = {file: read_back(text) for file, text in make_tables(report, old).items()}
    assert {one[key] for one in tables["curves.csv"] for key in ("flops", "tokens", "seconds")} == {""}
    assert tables["contrasts.csv"][0]["seeds_low"] == ""
    assert [(one["outcome"], one["pair"]) for one in tables["runs.csv"][:2]] == [
        ("finished", "0"),
        ("diverged", "1"),
    ]
    assert tables["runs.csv"][1]["value"] == ""
    figure = draw_curves(report, old)
    assert [panel.get_xlabel() for panel in figure.axes] == ["step"]


def test_a_curve_is_the_mean_where_every_seed_was_validated() -> None:
    runs = {seed: replace(record(seed, 0.0), clock=CLOCK) for seed in range(2)}
    runs[1] = replace(runs[1], curve=((4.0, 7.0), (3.0, 1.0)), clock=((3.0, 1.0, 0.0), (4.0, 2.25, 0.0)))
    report = {"arms": [{"arm": "a", "flops": 8e9}]}
    curve = gather_curve("a", list(list_points(report, {"a": runs})))
    assert {axis: at.tolist() for axis, at in curve.at.items()} == {
        "step": [4.0],
        "flops": [8e9],
        "seconds": [(1.25 + 2.25) / 2],
    }
    np.testing.assert_array_equal(curve.losses, [[2.0], [7.0]])


def test_lines_of_curves_are_told_apart_without_colour(records: dict[str, dict[int, RunRecord]]) -> None:
    figure = draw_curves(report_of(records), records)
    assert [panel.get_xlabel() for panel in figure.axes] == [
        "step",
        "FLOPs of training",
        "seconds of training",
    ]
    for panel in figure.axes:
        looks = {(line.get_linestyle(), line.get_marker()) for line in panel.get_lines()}
        assert len(looks) == len(records)


def test_records_are_read_with_their_clock_and_without() -> None:
    new = replace(record(0, 0.0), clock=CLOCK)
    table = json.loads(json.dumps(new.to_json()))
    assert RunRecord.from_json(table).clock == CLOCK
    del table["clock"]
    assert RunRecord.from_json(table).clock == ()
