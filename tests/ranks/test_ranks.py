"""A process of a real training fails, and the command ends soon, with one message of that process."""

import random
from pathlib import Path

import pytest

from tests.ranks.trial import attempt, prepare

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fault", ["memory-of-gpu", "others-blocked"])
def test_a_training_ends_with_the_process_that_fails(fault: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    ended = attempt(tmp_path, fault, 2, random.Random(0), limit=60.0)  # others share the cores
    assert ended.problems == (), ended.said
