"""How activations are spread and aligned: values computed by hand."""

import math

import pytest
import torch

from synthcli.training import activation_stats
from synthcli.training.diagnostics import OF_STREAM

EVERY = torch.ones(1, 2, dtype=torch.bool)


def positions(*rows: list[float]) -> torch.Tensor:
    """One sequence."""
    return torch.tensor([rows])


def test_kurtosis_is_the_mean_of_each_position_s() -> None:
    # (1 + 1)/2 over ((1 + 1)/2)² = 1; of (3, 1): (81 + 1)/2 over ((9 + 1)/2)² = 41/25
    assert activation_stats.kurtosis(positions([1.0, -1.0], [3.0, 1.0]), EVERY).item() == pytest.approx(
        (1 + 41 / 25) / 2
    )


def test_kurtosis_of_neurons_is_that_of_their_sizes_over_positions() -> None:
    # s² = ((1 + 9)/2, (1 + 1)/2) = (5, 1): (25 + 1)/2 over 3²
    x = positions([1.0, -1.0], [3.0, 1.0])
    assert activation_stats.kurtosis_of_neurons(x, EVERY).item() == pytest.approx(13 / 9)


def test_one_neuron_that_is_all_has_the_kurtosis_of_the_width() -> None:
    x = torch.zeros(2, 3, 16)
    x[..., 5] = 7
    real = torch.ones(2, 3, dtype=torch.bool)
    assert activation_stats.kurtosis(x, real) == activation_stats.kurtosis_of_neurons(x, real) == 16


def test_the_median_lies_between_the_two_in_the_middle() -> None:
    x = positions([-8.0, 1.0, 3.0, 0.0], [5.0, -5.0, 5.0, 5.0])  # 8 / 2, and 5 / 5
    assert activation_stats.max_to_median(x, EVERY).item() == pytest.approx((4 + 1) / 2)


def test_correlation_is_the_mean_cosine_of_pairs() -> None:
    x = positions([2.0, 0.0], [0.0, 3.0], [1.0, 1.0])  # cosines 0, √½, √½
    real = torch.ones(1, 3, dtype=torch.bool)
    assert activation_stats.correlation_of_positions(x, real).item() == pytest.approx(2 * 0.5**0.5 / 3)
    assert activation_stats.correlation_of_positions(
        x, torch.tensor([[True, True, False]])
    ).item() == pytest.approx(0)
    assert math.isnan(activation_stats.correlation_of_sequences(x, real).item())


def test_sequences_are_compared_at_the_same_position() -> None:
    x = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, -2.0]]])  # cosines 1 and −1
    every = torch.ones(2, 2, dtype=torch.bool)
    first = torch.tensor([[True, True], [True, False]])
    assert activation_stats.correlation_of_sequences(x, every).item() == pytest.approx(0)
    assert activation_stats.correlation_of_sequences(x, first).item() == pytest.approx(1)


def test_padding_counts_for_nothing() -> None:
    torch.manual_seed(0)
    x, real = torch.randn(3, 5, 8), torch.arange(5) < torch.tensor([5, 3, 1])[:, None]
    spoilt = x.masked_fill(~real[..., None], 1e3)
    for measures in OF_STREAM.values():
        for measure in measures.values():
            torch.testing.assert_close(measure(x, real), measure(spoilt, real))


def test_entropy_is_ln_n_where_n_keys_are_alike_and_0_where_one_is_seen() -> None:
    causal = torch.ones(3, 3, dtype=torch.bool).tril()[None, None]
    asking = torch.ones(1, 3, dtype=torch.bool)
    alike = torch.zeros(1, 2, 3, 3)
    expected = (math.log(1) + math.log(2) + math.log(3)) / 3
    assert activation_stats.entropy(alike, causal, asking).item() == pytest.approx(expected)
    only_last = torch.tensor([[False, False, True]])
    assert activation_stats.entropy(alike, causal, only_last).item() == pytest.approx(math.log(3))
    sharp = alike.clone()
    sharp[..., 0] = 1e4
    assert activation_stats.entropy(sharp, causal, asking).item() == 0
    # p = (¼, ¾)
    given = torch.tensor([0.0, math.log(3)]).expand(1, 1, 1, 2)
    by_hand = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    every = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    assert activation_stats.entropy(given, every, torch.tensor([[True]])).item() == pytest.approx(by_hand)


def test_a_query_that_sees_nothing_has_no_entropy() -> None:
    visible = torch.tensor([[False, False], [True, True]])[None, None]
    logits = torch.zeros(1, 1, 2, 2)
    assert activation_stats.entropy(logits, visible, EVERY).item() == pytest.approx(math.log(2))
