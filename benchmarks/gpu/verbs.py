"""Evaluation, beams and writing on the device beside the processor: figures within 1e-4, the same texts.

The models are trained on the device: small ones of every kind in a few steps, and the first of the README's.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row
from synthcli import api
from tests.tiny_presets import LANGUAGE_MODEL, STREAMS, TINY, teacher_preset, write_words

PRESETS = {"tiny": TINY, "lm": LANGUAGE_MODEL, "streams": STREAMS, "teacher": teacher_preset("words", 3)}
FIRST = "wmt14-dense"  # of the README's first steps: it spells words backwards
QUICK_STEPS = 20
FIGURES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("tiny", "bleu", {"limit": 50, "beam": 3}),
    ("tiny", "perplexity", {}),
    ("lm", "perplexity", {}),
    ("streams", "perplexity", {}),
    ("teacher", "perplexity", {}),
    (FIRST, "accuracy", {"limit": 200}),
    (FIRST, "accuracy", {"limit": 200, "beam": 4}),
)
TEXTS = (("tiny", 1), ("tiny", 3), ("lm", 1), ("lm", 3), ("streams", 1), (FIRST, 1), (FIRST, 4))
PROMPTS = ["abcdef", "the word", "a"]
NEAR, ROUNDING = 1e-4, 1e-6  # relative, and of what is next to nothing


def run(bench: Bench) -> Iterator[Row]:
    """Train, evaluate and write."""
    os.chdir(bench.folder)
    trained = train(bench)
    for name, metric, options in FIGURES:
        here, host = (evaluate(trained[name], metric, word, options) for word in (bench.word, "cpu"))
        yield {"model": name, "metric": metric, **options, **compare(here, host)}
    for name, beam in TEXTS:
        here_texts, texts = (
            api.generate(trained[name], PROMPTS, beam=beam, max_length=16, device=word)
            for word in (bench.word, "cpu")
        )
        result = PASSED if here_texts == texts else FAILED
        yield {"model": name, "beam": beam, "result": result, "texts": here_texts}


def evaluate(run: Path, metric: str, word: str, options: dict[str, Any]) -> dict[str, float]:
    """Return the figures of a metric, computed on a device."""
    found = api.evaluate(run, metric, device=word, **options)
    return {figure.name: figure.value for figure in found.figures}


def train(bench: Bench) -> dict[str, Path]:
    """Train every model on the device, in the current folder; return its runs."""
    write_words(Path("words"))
    runs = {}
    for name, text in PRESETS.items():
        Path(f"{name}.toml").write_text(text)
        runs[name] = api.train(f"{name}.toml", device=bench.word).path
    steps = () if bench.is_cuda else (f"training.steps={QUICK_STEPS}",)
    runs[FIRST] = api.train(FIRST, scale="smoke", overrides=steps, device=bench.word).path
    return runs


def compare(here: dict[str, float], host: dict[str, float], near: float = NEAR) -> Row:
    """Hold figures against the processor's."""
    is_near = here.keys() == host.keys() and all(
        abs(here[name] - value) <= near * abs(value) + ROUNDING for name, value in host.items()
    )
    return {"result": PASSED if is_near else FAILED, "here": here, "host": host}
