"""Claims where seeds diverged: their number decides, by Fisher's exact test."""

from itertools import product
from pathlib import Path

import pytest
from scipy import stats

from synthcli.claims.diverged import DivergedRun, DivergenceFinding, fisher_exact, read_diverged
from synthcli.claims.order import Relation
from synthcli.claims.verdict import conclude, rule
from synthcli.errors import SynthError
from synthcli.runs.run import replace_json

BETTER, EQUAL = Relation("a", "better", "b"), Relation("a", "equivalent", "b")
RUN = DivergedRun("lm1b-dense", "smoke", "ab" * 32, 3, "loss is nan at step 7", {"device": "cpu"})


def word(relation: Relation, first: tuple[int, int], second: tuple[int, int]) -> str:
    return conclude(rule([DivergenceFinding(relation, first, second)]), "hour").word


def test_the_p_value_is_fishers() -> None:
    for n, m in ((3, 3), (4, 5), (7, 2), (6, 6)):
        for a, b in product(range(n + 1), range(m + 1)):
            expected = stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue
            assert fisher_exact((a, n), (b, m)) == pytest.approx(expected, rel=1e-9)


def test_the_arm_that_diverges_is_worse_where_counts_decide() -> None:
    assert word(BETTER, (0, 4), (4, 4)) == "direction holds"
    assert word(BETTER, (4, 4), (0, 4)) == "contradicted"
    assert word(BETTER, (0, 3), (3, 3)) == "undecided"
    assert word(BETTER, (2, 4), (2, 4)) == "undecided"
    assert word(EQUAL, (0, 4), (4, 4)) == "contradicted"
    assert word(EQUAL, (4, 4), (4, 4)) == "undecided"


def test_what_would_decide_is_said() -> None:
    why = conclude(rule([DivergenceFinding(BETTER, (0, 3), (3, 3))]), "hour").why
    counts = "`a` diverged in 0 of 3 seeds, `b` diverged in 3 of 3 seeds"
    assert why == f"`a > b`: {counts}; if shares stay, 4 seeds of each would decide"
    same = conclude(rule([DivergenceFinding(BETTER, (1, 3), (1, 3))]), "hour").why
    assert same.endswith("if shares stay, no number of seeds would")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / RUN.file_name
    replace_json(path, RUN.to_json())
    assert read_diverged(path) == RUN
    replace_json(path, {**RUN.to_json(), "seed": "3"})
    with pytest.raises(SynthError, match="tells of no training that diverged"):
        read_diverged(path)
