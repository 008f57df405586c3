"""Recorded activations beside a teacher that is run again: what distilling from a cache saves.

`capture`: what the mixer of block 3 of 6 sees and says, beside all six layers, and with the head besides;
they take turns, figures are medians. `distill`: a narrower student of every block, all from one recording
made first, beside the same steps with the whole teacher run for every batch.

    python benchmarks/compress.py [--d-model 384] [--sequences 640] [--steps 40] [--rounds 7] [--threads 2]
        [--json FILE]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it

import numpy as np
import torch
from torch import Tensor

from synthcli.allocator import keep_freed_memory
from synthcli.compress.activations.cache import ActivationCache, build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import capture
from synthcli.compress.activations.hook_points import HookPoint, logits_hook_point
from synthcli.compress.config import FitConfig
from synthcli.compress.distill.closed_forms import STARTS, TeacherLayer
from synthcli.compress.distill.criteria import Given, criterion
from synthcli.compress.distill.fitting import fit
from synthcli.compress.teacher import Teacher, frozen, model_hash
from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.store import Store
from synthcli.model import ModelConfig, build
from synthcli.model_config.attention import AttentionConfig

LAYERS, BLOCK, HEADS, LENGTH, BATCH = 6, 3, 12, 40, 32
PIECES = TokenizerConfig(kind="wordpiece", vocab_size=8000)
ENDS = ("mixer-in", "mixer-out")


def teacher_of(store: Store, d_model: int) -> Teacher:
    """Return an encoder as BERT is, by chance: only its size matters here."""
    config = ModelConfig.model_validate(
        {
            "task": "masked-lm",
            "vocab_size": store.tokenizer.vocab_size,
            "d_model": d_model,
            "d_ff": 4 * d_model,
            "block": "post-norm",
            "mixer": {"heads": HEADS},
            "embeddings": {"positions": "learned", "norm": True, "scale": False, "tie": "output"},
            "head": {"transform": True, "bias": True},
            "encoder": {"layers": LAYERS, "max_length": LENGTH},
        }
    )
    model = build(config)
    return Teacher("bert", Path("bert"), config, frozen(model), store.tokenizer, model_hash(config, model))


def taking_turns(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each; all are run once before."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if number:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(its) for name, its in times.items()}


def capturing(teacher: Teacher, text: Calibration, rounds: int) -> dict[str, float]:
    """Time a capture of block 3 beside whole forwards."""
    order = np.argsort(text.lengths)[-BATCH:]
    batch = text.batch(order)
    ends = [HookPoint("encoder", BLOCK, part) for part in ENDS]
    works: dict[str, Callable[[], Any]] = {
        "block 3": lambda: capture(teacher, batch, ends),
        "all layers": lambda: capture(teacher, batch, [HookPoint("encoder", LAYERS - 1, "layer-out")]),
        "all layers and head": lambda: capture(teacher, batch, [logits_hook_point(teacher.config)]),
    }
    return taking_turns(works, rounds)


class Recomputing:
    """Read like a cache; every batch runs the whole teacher, as training without one does."""

    def __init__(self, teacher: Teacher, text: Calibration) -> None:
        self.teacher, self.text, self.lengths = teacher, text, text.lengths
        self.seen: tuple[list[int], dict[HookPoint, Tensor]] = ([], {})

    def read(self, point: HookPoint, indices: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        batch, numbers = self.text.batch(np.asarray(indices)), [int(i) for i in indices]
        if self.seen[0] != numbers or point.layer not in {known.layer for known in self.seen[1]}:
            points = [
                *(HookPoint(point.stack, point.layer, part) for part in ENDS),
                logits_hook_point(self.teacher.config),
            ]
            self.seen = (numbers, capture(self.teacher, batch, points))
        return self.seen[1][point], batch["padding"]


def distilling(teacher: Teacher, texts: tuple[Calibration, Calibration], steps: int) -> dict[str, float]:
    """Time all blocks from one recording, and with the teacher run again."""
    points = [HookPoint("encoder", layer, part) for layer in range(LAYERS) for part in ENDS]
    settings = FitConfig(steps=steps, batch_size=BATCH, evaluations=1)
    with tempfile.TemporaryDirectory() as folder:
        held_out = build_cache(Path(folder) / "held-out", teacher, texts[1], points)
        began = time.perf_counter()
        cache = build_cache(Path(folder) / "train", teacher, texts[0], points)
        recording = time.perf_counter() - began
        cached = all_blocks(teacher, cache, held_out, settings)
        again: Any = Recomputing(teacher, texts[0])
        recomputed = all_blocks(teacher, again, held_out, settings)
    return {"recording": recording, "from the recording": cached, "teacher run again": recomputed}


def all_blocks(
    teacher: Teacher, cache: ActivationCache, held_out: ActivationCache, settings: FitConfig
) -> float:
    """Return the seconds that one student after the other takes."""
    began = time.perf_counter()
    d_head = teacher.config.d_model // HEADS // 2
    for layer in range(LAYERS):
        teacher_layer = TeacherLayer(teacher, cache, "encoder", layer)
        student = STARTS["random"](teacher_layer, AttentionConfig(heads=HEADS, d_head=d_head))
        mse = criterion("mse", Given(teacher_layer.mixer), student)
        fit(student, cache, teacher_layer.source, teacher_layer.target, mse, settings, held_out)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--d-model", type=int, default=384)
    parser.add_argument("--sequences", type=int, default=640)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        store = prepare_store("stdlib-code", PIECES, Path(folder))
        teacher = teacher_of(store, given.d_model)
        texts = tuple(
            Calibration(store, split, teacher, max_length=LENGTH, limit=limit)
            for split, limit in (("train", given.sequences), ("validation", BATCH))
        )
        seconds = capturing(teacher, texts[0], given.rounds) | distilling(teacher, texts, given.steps)
    report(seconds, given)


def report(seconds: dict[str, float], given: argparse.Namespace) -> None:
    """Print times of this run and the two ratios that mean something elsewhere."""
    for name, value in seconds.items():
        print(f"{name:22}{value:9.3f} s")
    part, whole, head = (seconds[name] for name in ("block 3", "all layers", "all layers and head"))
    cached = seconds["recording"] + seconds["from the recording"]
    ratios = {
        "capture × all layers": part / whole,
        "capture × all layers and head": part / head,
        "distil: speed × teacher run again": seconds["teacher run again"] / cached,
    }
    for name, value in ratios.items():
        print(f"{name:36}{value:6.2f}")
    if given.json is not None:
        settings = {key: value for key, value in vars(given).items() if key != "json"}
        given.json.write_text(json.dumps(settings | {"seconds": seconds, "ratios": ratios}, indent=2) + "\n")


if __name__ == "__main__":
    main()
