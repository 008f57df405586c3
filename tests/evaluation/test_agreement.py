"""Agreement with a teacher, beside the formulas written out."""

import math

import numpy as np
import pytest
import torch

from synthcli.evaluation.agreement import (
    COLUMNS,
    agreement,
    kl_divergence,
    neighbours,
    rank_of,
    same_neighbours,
    tally,
)


def kl_by_hand(teacher: list[float], student: list[float]) -> float:
    def probabilities(logits: list[float]) -> list[float]:
        total = math.fsum(math.exp(x) for x in logits)
        return [math.exp(x) / total for x in logits]

    p, q = probabilities(teacher), probabilities(student)
    return math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_the_divergence_is_that_of_the_formula() -> None:
    teacher, student = torch.randn(7, 13, dtype=torch.float64), torch.randn(7, 13, dtype=torch.float64)
    expected = [kl_by_hand(t, s) for t, s in zip(teacher.tolist(), student.tolist(), strict=True)]
    assert kl_divergence(teacher, student).tolist() == pytest.approx(expected, rel=1e-12)


def test_half_precision_is_compared_in_float32() -> None:
    teacher, student = torch.randn(5, 11).bfloat16(), torch.randn(5, 11).bfloat16()
    found = kl_divergence(teacher, student)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, kl_divergence(teacher.float(), student.float()))


def test_a_model_agrees_with_itself() -> None:
    logits = torch.randn(9, 17)
    sums = tally(logits, logits, logits.argmax(-1))
    assert sums[:, COLUMNS.index("kl")].abs().max() < 1e-6
    assert sums[:, 1:].eq(1).all()


def test_rank_counts_what_the_reference_prefers() -> None:
    reference = torch.tensor([[0.0, 3.0, 1.0, 1.0], [5.0, 1.0, 2.0, 3.0]])
    assert rank_of(torch.tensor([2, 1]), reference).tolist() == [1, 3]


def test_top_k_is_falling_in_rank_and_accuracy_is_of_both() -> None:
    reference = torch.arange(20.0).flip(0).expand(4, 20)  # it prefers 0, then 1, then 2 …
    student = torch.full((4, 20), -1.0)
    for row, choice in enumerate((0, 4, 9, 10)):
        student[row, choice] = 1.0
    sums = tally(student, reference, torch.tensor([0, 0, 9, 1])).numpy()
    scores = {score.name: score.value for score in agreement(sums, np.ones(4), "teacher")}
    assert scores["teacher_top1"] == 25.0
    assert scores["teacher_top5"] == 50.0
    assert scores["teacher_top10"] == 75.0
    assert (scores["accuracy"], scores["teacher_accuracy"]) == (50.0, 50.0)


def test_samples_count_by_their_positions() -> None:
    sums = np.zeros((2, len(COLUMNS)))
    sums[:, COLUMNS.index("kl")] = 3.0, 1.0
    kl = agreement(sums, np.array([3.0, 5.0]), "teacher")[0]
    assert (kl.name, kl.higher_is_better) == ("kl", False)
    assert kl.value == pytest.approx(0.5)


def test_a_reference_is_asked_for_agreement_alone() -> None:
    names = [score.name for score in agreement(np.zeros((3, len(COLUMNS))), np.ones(3), "reference")]
    assert names == ["reference_top1", "reference_top5", "reference_top10", "reference_accuracy"]


def test_neighbours_are_the_largest_cosines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthcli.evaluation.agreement.ROWS", 3)
    vectors = torch.randn(8, 5)
    expected = []
    for i, own in enumerate(vectors):
        cosines = {j: float(own @ v / (own.norm() * v.norm())) for j, v in enumerate(vectors) if j != i}
        expected.append(max(cosines, key=cosines.__getitem__))
    assert neighbours(vectors).tolist() == expected
    assert same_neighbours(vectors * 2, vectors).value == 100.0
