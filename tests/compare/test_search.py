"""Where settings are looked for: points against their definition, the best of k against every draw."""

import math
from itertools import combinations

import numpy as np
import pytest

from synthcli.compare.search import (
    OneOf,
    Range,
    best_of_k,
    keep_better,
    points_on,
    rungs,
    unit_points,
)

PEAK = Range("peak", 1e-4, 1e-2, is_log=True)
SHARE = Range("share", 0.0, 0.3, is_log=False)
HEADS = Range("heads", 1, 8, is_log=False, is_whole=True)


@pytest.mark.parametrize("dimensions", [1, 2, 5])
@pytest.mark.parametrize("power", [1, 3, 4, 6])
def test_each_of_2_to_the_m_points_has_a_stratum_of_its_own(power: int, dimensions: int) -> None:
    count = 2**power
    points = unit_points(count, dimensions)
    assert points.shape == (count, dimensions)
    for column in points.T:
        assert sorted(np.floor(column * count)) == list(range(count))
        inside = np.minimum(column * count % 1, 1 - column * count % 1)
        assert inside == pytest.approx(1 / 3, abs=1e-6)


def test_two_coordinates_fill_every_elementary_interval() -> None:
    """Sobol' points are a net of quality 0 in two dimensions: a point in each box of volume 2^-m."""
    points = unit_points(16, 2)
    for rows in range(5):
        boxes = np.floor(points * [2**rows, 2 ** (4 - rows)])
        assert len({tuple(box) for box in boxes}) == 16


def test_more_points_leave_the_first_where_they_are() -> None:
    assert np.array_equal(unit_points(16, 3)[:6], unit_points(6, 3))


def test_a_range_is_looked_through_from_end_to_end() -> None:
    logs = sorted(math.log10(float(point["peak"])) for point in points_on([PEAK], 8))
    assert np.diff(logs) == pytest.approx([0.25] * 7, abs=0.01)
    assert logs[0] < -3.8 and logs[-1] > -2.1
    shares = sorted(float(point["share"]) for point in points_on([SHARE], 8))
    assert shares == pytest.approx([0.3 * (index + 2 / 3) / 8 for index in range(8)], abs=1e-3)


def test_values_are_written_with_three_figures_and_stay_within_the_range() -> None:
    values = [point["peak"] for point in points_on([PEAK], 64)]
    assert all(value == float(f"{value:.3g}") for value in values)
    narrow = Range("x", 1.0, 1.001, is_log=False)
    assert len({point["x"] for point in points_on([narrow], 16)}) == 16
    assert all(1.0 <= float(point["x"]) <= 1.001 for point in points_on([narrow], 16))


def test_whole_numbers_are_each_tried_once_before_any_is_tried_again() -> None:
    assert sorted(point["heads"] for point in points_on([HEADS], 8)) == list(range(1, 9))
    assert len(points_on([HEADS], 20)) == 8
    wide = Range("warmup", 10, 1000, is_log=True, is_whole=True)
    values = sorted(int(point["warmup"]) for point in points_on([wide], 16))
    assert 10 <= values[0] < 15 and 800 < values[-1] <= 1000 and 80 < np.median(values) < 125


def test_choices_are_tried_as_often_as_each_other() -> None:
    rows = points_on([OneOf("kind", ("a", "b")), PEAK], 8)
    assert [point["kind"] for point in rows].count("a") == 4
    assert len(points_on([OneOf("kind", ("a", "b", "c"))], 8)) == 3


def test_the_best_of_k_is_the_mean_over_every_draw_of_k() -> None:
    losses = [3.1, 2.0, 5.5, 2.0, 4.2, 2.7]
    curve = best_of_k(losses)
    for k, found in enumerate(curve, 1):
        assert found == pytest.approx(np.mean([min(drawn) for drawn in combinations(losses, k)]))
    assert curve[0] == pytest.approx(np.mean(losses)) and curve[-1] == 2.0


def test_the_best_of_k_by_hand() -> None:
    assert best_of_k([3.0, 1.0, 2.0]) == pytest.approx([2.0, (1 + 1 + 2) / 3, 1.0])


def test_what_diverged_is_infinitely_bad_as_long_as_it_can_be_drawn_alone() -> None:
    assert best_of_k([1.0, math.inf, 2.0, math.inf]) == pytest.approx([math.inf, math.inf, 5 / 4, 1.0])


def test_the_better_half_goes_on() -> None:
    assert keep_better({1: 3.0, 2: 1.0, 3: 2.0, 4: 4.0}) == [2, 3]
    assert keep_better({1: 3.0, 2: 1.0, 3: 2.0}) == [2, 3]
    assert keep_better({1: 1.0, 2: 1.0}) == [1]
    assert keep_better({1: math.inf, 2: math.inf, 3: 2.0, 4: math.inf}) == [3]
    assert keep_better({1: math.inf, 2: math.inf}) == []


@pytest.mark.parametrize(
    ("steps", "stops"), [(100, (25, 50, 100)), (6, (1, 2, 6)), (3, (1, 2, 3)), (2, (1, 2)), (1, (1,))]
)
def test_rungs_are_a_quarter_a_half_and_the_whole(steps: int, stops: tuple[int, ...]) -> None:
    assert rungs(steps) == stops


def test_an_edge_is_the_lowest_or_the_highest_that_was_tried() -> None:
    tried = [2e-4, 1e-3, 8e-3]
    assert [PEAK.edge(value, tried) for value in tried] == ["low", None, "high"]
    bounded = Range("share", 0.0, 0.3, is_log=False, least=0.0, most=1.0)
    assert bounded.edge(0.02, [0.02, 0.2]) is None  # nothing lies below 0
    assert bounded.edge(0.2, [0.02, 0.2]) == "high"
    assert OneOf("kind", ("a", "b")).edge("a", ["a", "b"]) is None


def test_what_lies_beyond_an_edge() -> None:
    assert str(PEAK.beyond("low")) == "1e-05..0.01" and str(PEAK.beyond("high")) == "0.0001..0.1"
    bounded = Range("share", 0.1, 0.6, is_log=False, least=0.0, most=1.0)
    assert str(bounded.beyond("low")) == "0..0.6" and str(bounded.beyond("high")) == "0.1..1:linear"
    assert str(HEADS.beyond("high")) == "1..15:linear"
