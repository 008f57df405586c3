"""Differences over test samples: those of sacreBLEU's own paired tests, and of plain loops."""

import logging

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest

from synthcli.compare.pairs import SEED, Pairs, align, bootstrap_differences, bootstrap_p, randomisation_p
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.bootstrap import ratio

TEXTS = [f"the cat {n} sat on the mat with {n % 7} other cats and a dog" for n in range(60)]
TRIALS = 200


def worsened(every: int) -> list[str]:
    """Return the texts, words of some of them changed."""
    return [text.replace("sat on", "was at") if n % every == 0 else text for n, text in enumerate(TEXTS)]


def pairs_of(arm: list[str], baseline: list[str]) -> Pairs:
    """Return one pair of systems' outputs."""
    one, other = (bleu(texts, TEXTS)[0].sampled for texts in (arm, baseline))
    return Pairs(one.statistics[None], other.statistics[None], one.figure)


@pytest.mark.parametrize(("test", "name"), [("bs", "bootstrap"), ("ar", "randomisation")])
@pytest.mark.parametrize(("every", "other"), [(3, 4), (2, 9)])
def test_p_values_are_those_of_sacrebleu(
    test: str, name: str, every: int, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", str(SEED))
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)
    arm, baseline = worsened(every), worsened(other)
    systems = [("baseline", baseline), ("arm", arm)]
    _, scores = PairedTest(systems, {"BLEU": BLEU()}, [TEXTS], test_type=test, n_samples=TRIALS)()
    theirs = scores["BLEU"][1]
    pairs = pairs_of(arm, baseline)
    if test == "ar":
        p = randomisation_p(pairs, TRIALS)
    else:
        resampled = bootstrap_differences(pairs, TRIALS).mean(axis=1)
        p = bootstrap_p(resampled, float(pairs.differences().mean()))
    assert p == pytest.approx(theirs.p_value, abs=1e-12), name


def random_pairs(seeds: int, samples: int) -> Pairs:
    generator = np.random.default_rng(1)
    arm, baseline = generator.normal(size=(2, seeds, samples, 2))
    arm[..., 1] = baseline[..., 1] = generator.integers(1, 9, (seeds, samples))
    return Pairs(arm, baseline, ratio)


def test_a_resample_has_the_same_samples_for_both_arms_and_every_seed() -> None:
    pairs, generator = random_pairs(3, 11), np.random.default_rng(SEED)
    found = bootstrap_differences(pairs, 5)
    for row in found:
        drawn = generator.integers(0, 11, 11)
        for seed, value in enumerate(row):
            one, other = (side[seed, drawn].sum(axis=0) for side in (pairs.arm, pairs.baseline))
            assert value == pytest.approx(one[0] / one[1] - other[0] / other[1])


def test_parts_of_the_resamples_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = random_pairs(2, 13)
    whole = bootstrap_differences(pairs, 100), randomisation_p(pairs, 320)
    monkeypatch.setattr("synthcli.compare.pairs.ELEMENTS", 13 * 32)
    np.testing.assert_allclose(bootstrap_differences(pairs, 100), whole[0])
    assert randomisation_p(pairs, 320) == whole[1]


def test_the_same_outputs_differ_by_nothing() -> None:
    pairs = pairs_of(worsened(3), worsened(3))
    assert not bootstrap_differences(pairs, 50).any()
    assert bootstrap_p(np.zeros(50), 0.0) == 1 / 51  # sacreBLEU's own: a difference of 0 is never exceeded


def test_arms_of_unlike_shapes_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="unlike shapes"):
        Pairs(np.zeros((2, 3, 1)), np.zeros((2, 4, 1)), ratio)


def cut(text: np.ndarray, lengths: list[int]) -> np.ndarray:
    """Return (1, samples, 2): sums and counts of a text cut into pieces of these lengths."""
    ends = np.cumsum(lengths)
    return np.array([[(text[end - size : end].sum(), size) for end, size in zip(ends, lengths, strict=True)]])


def test_a_text_that_is_cut_otherwise_is_compared_between_shared_cuts() -> None:
    text = np.random.default_rng(0).normal(2.0, 1.0, 128 * 60 + 5)
    one, other = cut(text, [256] * 30 + [5]), cut(text, [512] + [128] * 56 + [5])
    aligned = align(one, other)
    assert aligned is not None
    first, second = aligned
    np.testing.assert_allclose(first, second)
    assert first[0, :, 1].tolist() == [512] + [256] * 28 + [5]
    np.testing.assert_allclose(first.sum(axis=1), one.sum(axis=1))


def test_texts_that_share_no_cuts_are_not_aligned() -> None:
    text = np.ones(1000)
    assert align(cut(text, [25] * 40), cut(text[:975], [25] * 39)) is None  # of unlike length
    assert align(cut(text, [25] * 40), cut(text, [7] * 142 + [6])) is None  # 6 cuts are shared
