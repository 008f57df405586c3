"""The page of a comparison: whole by itself, the same for the same figures, names are text."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from synthcli.compare.contrasts import contrast_arms
from synthcli.compare.figures import QUANTITIES
from synthcli.compare.record import RecordedFigure, RunRecord
from synthcli.evaluation.kept_samples import KeptSamples
from synthcli.jobs.compare.page import page
from synthcli.jobs.compare.words import markdown

NAME = "<script>alert(1)</script>"
LOSS = QUANTITIES["perplexity"]


def record(seed: int, shift: float) -> RunRecord:
    generator = np.random.default_rng(seed)
    statistics = np.stack((generator.normal(20 + shift, 2, 30), np.full(30, 10.0)), 1)
    kept = KeptSamples("perplexity", 30, statistics)
    return RunRecord(
        **dict.fromkeys(("preset", "scale", "run", "corpus", "split", "store"), "x"),
        metrics=("perplexity",),
        seed=seed,
        configuration={},
        options={},
        steps=4,
        parameters=1,
        non_embedding=1,
        made={"commit": NAME},
        cost={"seconds": 1.0},
        curve=((2.0, 3.0 + shift), (4.0, 2.0 + shift + seed / 10)),
        figures=(RecordedFigure(np.exp(2.0), False, "", "", kept),),
    )


@pytest.fixture
def records() -> dict[str, dict[int, RunRecord]]:
    return {"a": {s: record(s, 0.0) for s in range(3)}, NAME: {s: record(s, 0.5) for s in range(3)}}


def report_of(records: dict[str, dict[int, RunRecord]]) -> dict[str, Any]:
    row = dict.fromkeys(("parameters", "flops", "seconds"), 1.0)
    figures = {"perplexity": {"mean": 1.0, "deviation": 1.0}}
    return {
        **dict.fromkeys(("quote", "command", "protocol", "version"), "x"),
        "baseline": "a",
        "metrics": {
            "perplexity": {
                **dict.fromkeys(("figure", "protocol"), "loss"),
                "unit": "nats a token",
                "higher_is_better": False,
                "margin": 0.01,
            }
        },
        "unequal": [NAME],
        "contrasts": contrast_arms(records, LOSS, None),
        "arms": [{**row, "arm": arm, "diverged": [], "figures": figures} for arm in records],
        "runs": [
            {
                "arm": NAME,
                "seed": 0,
                "values": {"perplexity": 1.0},
                "run": "r",
                "made": {"commit": NAME, "processor": None},
            }
        ],
    }


class Tags(HTMLParser):
    """Notes every tag and every address of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        names = ("src", "href", "xlink:href")
        self.addresses += [value for name, value in attributes if name in names and value]


def test_a_page_needs_nothing_else(records: dict[str, dict[int, RunRecord]]) -> None:
    text, found = page(report_of(records), records), Tags()
    found.feed(text)
    assert {"table", "svg"} <= found.tags and not found.tags & {"script", "img", "link", "iframe"}
    assert all(address.startswith("#") for address in found.addresses)
    assert not re.search(r"@import|url\(\s*['\"]?http", text)
    assert NAME not in text and "&lt;script&gt;" in text
    assert text == page(report_of(records), records)


def test_pages_and_texts_say_the_verdict(records: dict[str, dict[int, RunRecord]]) -> None:
    report = report_of(records)
    (contrast,) = report["contrasts"]
    assert contrast["verdict"] == "worse" and contrast["difference"] == pytest.approx(0.05)
    assert contrast["over_seeds"]["correlation"] == pytest.approx(1.0)  # the same draws, shifted
    assert "worse" in page(report, records) and "| worse |" in markdown(report)


def test_contrasts_do_not_depend_on_which_run_ends_first(records: dict[str, dict[int, RunRecord]]) -> None:
    turned = {arm: dict(reversed(of_arm.items())) for arm, of_arm in records.items()}
    assert report_of(turned) == report_of(records)
    assert report_of(turned)["contrasts"][0]["pairs"] == [0, 1, 2]
