"""A corpus of each kind trains at smoke scale and is evaluated by its own metric; the script has them all."""

import math
from pathlib import Path

import pytest

from tests.jobs.train_corpora import KINDS


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_corpus_of_each_kind_trains(
    kind: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTH_STORES", raising=False)
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    scores = KINDS[kind].outcome(shared.resolve())
    assert set(KINDS[kind].scores) <= set(scores)
    assert all(math.isfinite(value) for value in scores.values())
