"""Results that are kept: each is made again from its records alone, and is what the pages quote."""

import json
import math
import shlex
import statistics
from pathlib import Path
from typing import Any

import pytest

from synthcli.claims.measured import read_measured
from synthcli.jobs.ledger.claim_findings import OF_A_PROCESS
from synthcli.jobs.ledger.report import sentence

from .conftest import Synth

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
REPORTS = sorted(RESULTS.glob("*/report.json"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(RESULTS.glob("*.md"))]
EXACT = ("arm", "metric", "pairs", "verdict", "more_seeds", "margin")


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def is_alike(one: Any, other: Any) -> bool:
    """Whether two tables are equal, numbers to six digits."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_alike, one, other))
    is_number = isinstance(one, float) and isinstance(other, float)
    return bool(one == (pytest.approx(other, rel=1e-6) if is_number else other))


@pytest.mark.slow
@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parent.name)
def test_a_report_follows_from_its_records(path: Path, synth: Synth, here: Path) -> None:
    kept = read(path)
    words = shlex.split(kept["command"])[1:]
    words[words.index("--records") + 1] = str(ROOT / words[words.index("--records") + 1])
    said = synth(*words, "-o", "again", "--json")
    assert said.code == 0, said.err
    again = json.loads(said.out)
    assert not (here / "runs").exists() and not (here / "stores").exists()
    assert again["quote"] == kept["quote"] and again.keys() == kept.keys()
    for key in ("ladder", "tuning"):
        assert is_alike(again.get(key), kept.get(key))
    for one, other in zip(again["contrasts"], kept["contrasts"], strict=True):
        assert [one[key] for key in EXACT] == [other[key] for key in EXACT]
        assert one["difference"] == pytest.approx(other["difference"])
        assert one["both"]["interval"] == pytest.approx(other["both"]["interval"], rel=1e-6)


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parent.name)
def test_a_result_is_quoted_as_it_is(path: Path) -> None:
    quote = " ".join(read(path)["quote"].split())
    texts = [" ".join(page.read_text().replace("\n> ", " ").split()) for page in PAGES]
    assert any(quote in text for text in texts)


def test_equal_arms_are_seldom_called_different() -> None:
    kept = read(RESULTS / "same-arms.json")
    assert len(kept["losses"]) == 2 * kept["seeds"] * sum(kept["real"].values())
    for of_kind in ("real", "simulated"):
        counts = kept[of_kind]
        assert sum(counts.values()) >= {"real": 20, "simulated": 200}[of_kind]
        assert counts.get("better", 0) + counts.get("worse", 0) <= 0.05 * sum(counts.values())
    found = kept["planted"].get("worse", 0) / sum(kept["planted"].values())
    assert abs(found - 0.8) <= 0.05


def test_the_readme_says_the_means_of_the_reports() -> None:
    readme = (ROOT / "README.md").read_text()
    digits = {"bleu": 2, "perplexity": 3, "bits-per-byte": 3}
    for name in ("multi30k", "enwik8"):
        for arm in read(RESULTS / name / "report.json")["arms"]:
            for metric, figure in arm["figures"].items():
                assert f"{figure['mean']:.{digits[metric]}f}" in readme, (name, arm["arm"], metric)


@pytest.mark.slow
def test_the_ledger_follows_from_its_records(synth: Synth, here: Path) -> None:
    kept = read(RESULTS / "ledger.json")
    said = synth("claims", "report", "--records", str(RESULTS / "records"), "-o", "again", "--json")
    assert said.code == 0, said.err
    again = json.loads(said.out)
    for part in ("claims", "controls"):
        assert [one["id"] for one in again[part]] == [one["id"] for one in kept[part]]
        for one, other in zip(again[part], kept[part], strict=True):
            assert (one["verdict"], one["says"]) == (other["verdict"], other["says"]), one["id"]
    assert again["counts"] == kept["counts"]
    assert not (here / "runs").exists()


def test_ratios_of_times_differ_between_processes_as_much_as_is_said() -> None:
    """The deviation of a ratio over processes, the mean variance of all ratios that were measured thrice."""
    ratios: dict[tuple[str, ...], list[float]] = {}
    for folder in ("ledger", "times"):
        for path in (RESULTS / "records" / folder).glob("measured.steps-per-second.smoke.*.json"):
            arms, of_arms = zip(*sorted(read_measured(path).values.items()), strict=True)
            if len(arms) == 2:
                of_rounds = [one / other for one, other in zip(*of_arms, strict=True)]
                ratios.setdefault(arms, []).append(math.log(statistics.median(of_rounds)))
    variances = [statistics.variance(of_ratio) for of_ratio in ratios.values()]
    assert len(variances) == 12
    assert statistics.mean(variances) ** 0.5 == pytest.approx(OF_A_PROCESS, rel=0.1)


def test_the_ledger_is_quoted_as_it_is() -> None:
    for page in (ROOT / "README.md", RESULTS / "ledger.md"):
        assert sentence(read(RESULTS / "ledger.json")) in " ".join(page.read_text().split())
