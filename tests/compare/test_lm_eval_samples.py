"""Files of lm-eval's samples, paired by document."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from synthcli.compare.lm_eval_samples import read_sample_file
from synthcli.errors import SynthError
from synthcli.jobs.compare.samples import compare_samples


def line(number: int, **values: Any) -> dict[str, Any]:
    """Return a line with the keys that lm-eval 0.4.13 writes."""
    hashes = {f"{what}_hash": f"{what}-{number}" for what in ("doc", "prompt", "target")}
    texts = {"doc": {"q": "?"}, "target": "1", "arguments": {}, "resps": [["1"]], "filtered_resps": ["1"]}
    named = {"filter": "none", "metrics": [name for name in values if name != "filter"]}
    return {"doc_id": number, **texts, **named, **hashes, **values}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def right() -> tuple[np.ndarray, np.ndarray]:
    """Which of 300 documents two models have right, the second better."""
    generator = np.random.default_rng(0)
    hard = generator.random(300)
    return hard < 0.5, (hard < 0.5) ^ (generator.random(300) < 0.12) | (hard < 0.56)


def test_means_and_tests_are_those_of_the_documents_in_any_order(
    right: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    one, other = right
    first = write(tmp_path / "a.jsonl", [line(n, acc=float(x)) for n, x in enumerate(one)])
    rows = [line(n, acc=bool(x)) for n, x in enumerate(other)]
    (found,) = compare_samples([first, write(tmp_path / "b.jsonl", rows[::-1])])
    assert (found.documents, found.other_prompts, found.figure) == (300, 0, "acc")
    assert found.difference == pytest.approx(other.mean() - one.mean(), abs=1e-12)
    won, lost = int((other & ~one).sum()), int((one & ~other).sum())
    exact = binomtest(won, won + lost).pvalue  # changing places is a coin for each document that differs
    assert found.randomisation_p == pytest.approx(exact, abs=0.015)
    assert found.bootstrap_p == pytest.approx(exact, abs=0.03)
    error = float(np.std(other.astype(float) - one) / math.sqrt(300))
    low, high = found.interval
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_perplexities_are_those_of_sums(tmp_path: Path) -> None:
    lengths = [3, 5, 9]
    a = [
        line(n, word_perplexity=[-2.0 * n - 1, w], bits_per_byte=[-3.0, 4 * w]) for n, w in enumerate(lengths)
    ]
    b = [
        line(n, word_perplexity=[-1.0 * n - 1, w], bits_per_byte=[-2.0, 4 * w]) for n, w in enumerate(lengths)
    ]
    found = compare_samples([write(tmp_path / "a.jsonl", a), write(tmp_path / "b.jsonl", b)])
    words, bits = found
    assert words.baseline_value == pytest.approx(math.exp(9 / 17))
    assert words.arm_value == pytest.approx(math.exp(6 / 17))
    assert bits.baseline_value == pytest.approx(9 / 68 / math.log(2))
    assert all(one.adjusted_p >= one.randomisation_p for one in found)


def test_lambada_keeps_log_likelihoods_under_perplexity(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{name}.jsonl", [line(n, perplexity=-n * scale) for n in (1, 2, 3)])
        for name, scale in (("a", 1.0), ("b", 0.5))
    ]
    (found,) = compare_samples(files)
    assert (found.baseline_value, found.arm_value) == pytest.approx((math.exp(2), math.exp(1)))


def test_filters_are_figures_apart_and_corpus_metrics_are_none(tmp_path: Path) -> None:
    rows = [
        line(n, filter=name, exact_match=n % 2, bleu=["a", "b"])
        for n in range(4)
        for name in ("strict", "loose")
    ]
    files = [write(tmp_path / name, rows) for name in ("a.jsonl", "b.jsonl")]
    found = compare_samples(files, ["exact_match"])
    assert [one.figure for one in found] == ["exact_match, strict", "exact_match, loose"]
    assert [(one.randomisation_p, one.bootstrap_p) for one in found] == [(1, 1)] * 2  # they are equal
    with pytest.raises(SynthError, match="share no `bleu` by document"):
        compare_samples(files, ["bleu"])


def test_older_files_name_neither_filter_nor_metrics(tmp_path: Path) -> None:
    rows = [line(n, acc=1.0) for n in range(2)]
    for row in rows:
        del row["filter"], row["metrics"]
    assert read_sample_file(Path(write(tmp_path / "a.jsonl", rows))).figures() == ["acc"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([line(0, acc=1), line(2, acc=1)], "hold other documents: 2 and 2, of which 1 are the same"),
        ([line(n, acc=1) for n in range(3)], "hold other documents: 2 and 3, of which 2 are the same"),
        ([line(0, acc=1), line(0, acc=1)], "line 2: document 0 is there twice"),
        ([line(0, acc=1)], "holds 1 documents, needed are two or more"),
        ([{"acc": 1}], "line 1: no document of lm-eval: it lacks `doc_id`"),
        ([line(n, acc=math.nan) for n in range(2)], "share no metric that is a number of each document"),
        ([line(n, acc=10**400) for n in range(2)], "share no metric that is a number of each document"),
        ([line(n, f1=1) for n in range(2)], "share no metric that is a number of each document"),
    ],
)
def test_what_cannot_be_paired_is_refused(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [line(n, acc=1) for n in range(2)])
    with pytest.raises(SynthError, match=message):
        compare_samples([first, write(tmp_path / "b.jsonl", rows)])
