"""A block distilled, layers merged, a student healed: beside the processor, then at the size of BERT base."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.parts import Bench
from benchmarks.gpu.profiles import summarise
from benchmarks.gpu.record import PASSED, Row
from benchmarks.gpu.verbs import compare
from synthcli import api
from synthcli.compress.config import HealConfig
from synthcli.device import on_device
from synthcli.jobs.compress import heal
from synthcli.jobs.train import Observer
from synthcli.runs import RESULT
from synthcli.training.trainer import Callback, Trainer
from tests.tiny_presets import teacher_preset, write_words

NEAR = 1e-3  # relative: formulas solve, which magnifies rounding
FORMULA: dict[str, Any] = {"limit": 16, "steps": 0}
STEPS = {"cuda": 20, "cpu": 2}
PRESET = "bert-base-wikitext-2"
LARGE = (  # BERT base, of two steps, on text that every Python carries
    *("data.corpus=stdlib-code", "data.tokenizer.vocab_size=2000", "model.vocab_size=30522"),
    *("model.encoder.max_length=128", "data.batch.size=32", "training.epochs=null", "training.steps=2"),
    "training.validation_examples=32",
)


class Profiling(Callback):
    """Profiles the steps of a training."""

    def __init__(self, is_cuda: bool, steps: int) -> None:
        self.is_cuda, self.steps = is_cuda, steps
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_cuda else [])]
        self.profile = profile(activities=kinds)

    def on_start(self, training: Trainer) -> None:
        self.profile.start()

    def on_end(self, training: Trainer) -> None:
        self.profile.stop()

    def summary(self) -> Row:
        return summarise(list(self.profile.events() or ()), self.is_cuda, self.steps)


def run(bench: Bench) -> Iterator[Row]:
    """Make students of a small teacher on both devices, then of a large one here."""
    os.chdir(bench.folder)
    write_words(Path("words"))
    Path("teacher.toml").write_text(teacher_preset("words", 4))
    small = api.train("teacher.toml", device=bench.word).path
    yield from beside_the_processor(bench, small)
    settings = LARGE if bench.is_cuda else ("training.steps=2",)
    scale = "paper" if bench.is_cuda else "smoke"
    large = api.train(PRESET, scale=scale, overrides=settings, device=bench.word).path
    text: dict[str, Any] = {"limit": 256 if bench.is_cuda else 32, "device": bench.word}
    steps = STEPS[bench.device.type]
    yield timed("distill", lambda: api.distill(large, blocks=(5,), steps=steps, **text))
    merged = api.merge(large, layers=(0, 1), steps=0, **text).path
    yield healed(bench, merged)


def beside_the_processor(bench: Bench, teacher: Path) -> Iterator[Row]:
    """Yield what formulas come to here and on the processor."""
    made: dict[str, Callable[[str], api.StudentRun]] = {
        "distill": lambda word: api.distill(teacher, blocks=(0,), mixer="linear", device=word, **FORMULA),
        "merge": lambda word: api.merge(teacher, layers=(0, 1), device=word, **FORMULA),
    }
    for name, make in made.items():
        here, host = (figures(make(word)) for word in (bench.word, "cpu"))
        yield {"student": name, **compare(here, host, NEAR)}


def figures(student: api.StudentRun) -> dict[str, float]:
    """Return the error of its formula, and how far it is from its teacher."""
    assert student.divergence is not None and student.agreement is not None
    rows = student.rows[0]
    return {"nmse": rows["nmse_after"], "divergence": student.divergence, "agreement": student.agreement}


def timed(name: str, work: Callable[[], api.StudentRun]) -> Row:
    began = time.monotonic()
    student = work()
    seconds = round(time.monotonic() - began, 1)
    return {"student": f"{name}, large", "result": PASSED, "seconds": seconds, **figures(student)}


def healed(bench: Bench, student: Path) -> Row:
    """Heal a student for some steps, profiled."""
    steps = STEPS[bench.device.type]
    profiling = Profiling(bench.is_cuda, steps)
    observer = Observer(lambda line: None, training=lambda name: profiling)
    with on_device(bench.word):
        job = heal.prepare(HealConfig(steps=steps, hidden=1.0, batch_size=32), str(student), observer)
        outcome = heal.run(job, observer)
    after = outcome.run.read_results()[RESULT]["after"]
    return {"student": "heal, large", "result": PASSED, "after": after, **profiling.summary()}
