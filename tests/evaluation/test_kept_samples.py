"""What a result keeps of its samples gives the same figures again."""

from pathlib import Path

import numpy as np
import pytest

from synthcli.errors import SynthError
from synthcli.evaluation.accuracy import accuracy, exact_match
from synthcli.evaluation.bleu import bleu
from synthcli.evaluation.cider import cider
from synthcli.evaluation.confusion import f1, matthews
from synthcli.evaluation.correlation import correlate_scores
from synthcli.evaluation.figures import FIGURES
from synthcli.evaluation.kept_samples import MOST_GROUPS, KeptSamples, figures_to_lines, read_samples
from synthcli.evaluation.perplexity import perplexity
from synthcli.evaluation.rouge import rouge
from synthcli.evaluation.score import Score

GENERATOR = np.random.default_rng(0)
NATS, TOKENS = GENERATOR.random(40) * 50, GENERATOR.integers(1, 20, 40).astype(float)
LABELS, GUESSES = GENERATOR.integers(0, 2, (2, 40))
TEXTS = [f"a cat number {n} sat on mats" for n in range(40)]
WRITTEN = [text.replace("sat", "was") if n % 3 else text for n, text in enumerate(TEXTS)]
ALL = [
    *bleu(WRITTEN, TEXTS),
    *rouge(WRITTEN, TEXTS),
    *cider(WRITTEN, TEXTS),
    *exact_match(WRITTEN, TEXTS),
    *perplexity(NATS, TOKENS, TOKENS / 2, TOKENS * 4),
    *accuracy(GUESSES, LABELS),
    *f1(GUESSES, LABELS, 2),
    *f1(GUESSES, LABELS, 3),
    *matthews(GUESSES, LABELS, 2),
    *correlate_scores(NATS, TOKENS),
]


def test_every_figure_of_a_metric_can_be_had_again() -> None:
    assert {score.name for score in ALL} == FIGURES.keys() - {"loss"}


@pytest.mark.parametrize("score", ALL, ids=lambda score: score.name)
def test_a_figure_is_read_back(score: Score, tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(figures_to_lines([score]))
    kept = read_samples(path)[score.name]
    assert kept.samples == 40
    assert kept.to_sampled().value == pytest.approx(score.value, rel=1e-5)


def test_many_samples_are_kept_in_groups() -> None:
    nats = GENERATOR.random(2 * MOST_GROUPS + 1)
    (score, *_) = perplexity(nats, np.ones_like(nats), None, None)
    kept = KeptSamples.of(score)
    assert (len(kept.statistics), kept.samples) == (MOST_GROUPS, len(nats))
    assert set(kept.statistics[:, 1]) == {2.0, 3.0}
    assert kept.to_sampled().value == pytest.approx(score.value)


@pytest.mark.parametrize(
    "text", ["{", '{"figure": "bleu"}', '{"figure": "x", "samples": 1, "statistics": [[1.0]]}']
)
def test_what_holds_no_samples_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(SynthError, match="does not hold the samples of a result"):
        read_samples(path)
