"""The short form of `tests/kill_verbs`: verbs that need no model."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kill_verbs.contents import differences
from tests.kill_verbs.looks import halves
from tests.kill_verbs.verbs import VERBS

pytestmark = pytest.mark.slow

QUICK = ("prepare-corpus, 1 worker", "tokenizer train", "corpora pack", "kernels build")


def test_killed_verbs_come_to_the_same_end() -> None:
    command = [sys.executable, "-m", "tests.kill_verbs", "--kills", "4", "--only", ";".join(QUICK)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kills, problems = re.findall(r"^(\d+) kills, (\d+) problems", done.stdout, re.MULTILINE)[-1]
    assert int(kills) >= 4 and problems == "0"


def test_every_verb_that_writes_is_killed() -> None:
    words = {
        " ".join(verb.words[:2]) if verb.words[0] == "corpora" else verb.words[0] for verb in VERBS.values()
    }
    assert words >= {
        "prepare-corpus",
        "tokenizer",
        "corpora pack",
        "corpora unpack",
        "train",
        "finetune",
        "eval",
        "probe",
        "distill-block",
        "merge-layers",
        "heal",
        "export",
        "import",
        "generate",
        "kernels",
        "reproduce",
    }


def test_the_comparison_notices_what_is_missing_other_or_half_made() -> None:
    whole = {"out/a": b"1", "out/b": b"2", "results/x.json#value": 1.0, "results/x.json#seconds": 2.0}
    assert differences(whole, {**whole, "results/x.json#seconds": 3.0}, frozenset()) == []
    assert differences(whole, {**whole, "results/x.json#value": 1.5}, frozenset()) == ["results/x.json#value"]
    assert differences(whole, {**whole, "tmp/left": b""}, frozenset()) == ["tmp/left"]
    assert halves(whole, {"out/a": b"1"}, frozenset()) == ["out/b is missing"]
    assert halves(whole, {"out/a": b"0", "out/b": b"2"}, frozenset()) == ["out/a"]
    assert halves(whole, {".unfinished-out-01234567/a": b"0"}, frozenset()) == []
    kept = {"checkpoints/step-00000008/w": b"8", "checkpoints/step-00000012/w": b"12"}
    saved = {"checkpoints/step-00000009/w": b"9", "checkpoints/step-00000012/w": b"12"}
    assert differences(kept, saved, frozenset()) == []
    assert differences(kept, {"checkpoints/step-00000008/w": b"8"}, frozenset()) == [
        "checkpoints/step-00000012/w"
    ]
