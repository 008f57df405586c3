"""The rule that gives a claim its verdict, against independent t-tests."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from synthcli.claims.order import Relation
from synthcli.claims.verdict import RelationFinding, conclude, rule
from synthcli.compare.spread import Spread

BETTER, EQUAL = Relation("a", "better", "b"), Relation("a", "equivalent", "b")
GENERATOR = np.random.default_rng(1)


def finding(differences: list[float], relation: Relation = BETTER, limit: float = 0.0) -> RelationFinding:
    values = np.array(differences)
    count = len(values)
    error = float(np.std(values, ddof=1)) / count**0.5 if count > 1 else None
    return RelationFinding(relation, Spread(float(values.mean()), count, error, count - 1, 0, 0), limit, "x")


def word(*findings: RelationFinding, scale: str = "hour") -> str:
    return conclude(rule(findings), scale).word


def test_p_values_are_those_of_t_tests() -> None:
    values = GENERATOR.normal(0.4, 0.3, 6).tolist()
    one = finding(values, limit=0.1)
    assert one.p_holds == pytest.approx(stats.ttest_1samp(values, 0.1).pvalue, abs=2e-3)
    assert one.p_against == 1
    other = finding(values, limit=0.9)
    assert other.p_against == pytest.approx(stats.ttest_1samp(values, 0.9).pvalue, abs=2e-3)
    assert other.p_holds == 1
    same = finding(values, EQUAL, 0.8)
    sides = [
        stats.ttest_1samp(values, 0.8, alternative="less").pvalue,
        stats.ttest_1samp(values, -0.8, alternative="greater").pvalue,
    ]
    assert same.p_holds == pytest.approx(max(sides), abs=2e-3)


def test_words_follow_from_what_is_found() -> None:
    assert word(finding([1.0, 1.1, 0.9])) == "direction holds"
    assert word(finding([1.0, 1.1, 0.9]), scale="paper") == "reproduced"
    assert word(finding([-1.0, -1.1, -0.9])) == "contradicted"
    assert word(finding([1.0, -1.1, 0.2])) == "undecided"
    assert word(finding([1.0, 1.1, 0.9], limit=2.0)) == "contradicted"
    assert word(finding([0.01, -0.02, 0.0], EQUAL, 0.5)) == "direction holds"
    assert word(finding([1.0, 1.1, 0.9], EQUAL, 0.5)) == "contradicted"
    assert word(finding([1.0, -1.1, 0.2], EQUAL, 0.5)) == "undecided"


def test_a_claim_holds_where_all_relations_do_and_fails_where_one_does() -> None:
    good, bad, open_ = finding([1.0, 1.1, 0.9]), finding([-1.0, -1.1, -0.9]), finding([1.0, -1.1, 0.2])
    assert word(good, good) == "direction holds"
    assert word(good, open_) == "undecided"
    assert word(good, open_, bad) == "contradicted"


def test_of_one_seed_nothing_is_concluded() -> None:
    for one in (finding([5.0]), finding([-5.0]), finding([0.0], EQUAL, 1.0)):
        assert (one.p_holds, one.p_against) == (1.0, 1.0)
        assert word(one) == "undecided"
        assert conclude(rule([one]), "hour").why.endswith("one seed says nothing of others")


def test_values_that_never_vary_are_certain() -> None:
    assert word(finding([0.5, 0.5, 0.5])) == "direction holds"
    assert word(finding([-0.5, -0.5])) == "contradicted"
    assert word(finding([0.0, 0.0])) == "undecided"


def test_many_relations_are_adjusted_for_each_other() -> None:
    lucky = finding([0.5, 0.9, 0.75, 0.2])
    alone = rule([lucky])[0].p_holds
    assert alone < 0.05
    among = rule([lucky, *(finding([0.1, -0.1, 0.05, -0.05 - one / 1000]) for one in range(9))])[0]
    assert among.p_holds == pytest.approx(min(1, 10 * alone))
    assert among.word == "undecided"


def test_equal_arms_are_seldom_told_apart() -> None:
    """Of 2,000 pairs of equal arms, three seeds each, at most 6 of 100 are called different."""
    words = [rule([finding(GENERATOR.normal(0, 1, 3).tolist())])[0].word for _ in range(2000)]
    assert sum(one != "undecided" for one in words) / len(words) < 0.06


def test_an_open_question_says_what_it_would_take() -> None:
    why = conclude(rule([finding([0.5, 0.1, 0.9])]), "smoke").why
    assert why.startswith("`a > b`: these seeds resolve ") and "more seeds would decide" in why


def test_what_two_claims_say_alike_is_one_hypothesis() -> None:
    lucky, other = finding([0.5, 0.9, 0.75, 0.2]), finding([0.1, -0.2, 0.3])
    once, twice = rule([lucky, other]), rule([lucky, other, lucky])
    assert [one.p_holds for one in twice] == [one.p_holds for one in (*once, once[0])]


def test_what_is_alike_of_other_runs_is_another_hypothesis() -> None:
    here, there = (replace(finding([0.5, 0.9, 0.75, 0.2]), runs=frozenset({run})) for run in "ab")
    assert rule([here, there])[0].p_holds == pytest.approx(2 * rule([here])[0].p_holds)
