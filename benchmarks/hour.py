"""Minutes that presets take at `hour`, and the steps in which they take as many as the first of them.

Presets take turns, step after step, on random ids: forward, backward, clipping and the optimizer's update,
in the precision `synth train` takes. Figures are medians; without `--threads` torch takes all cores.
Validation comes on top.

    python benchmarks/hour.py [srupp-enwik8-base enwik8-pre-norm …] [--steps 30] [--threads 2] [--json FILE]
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it

import torch

from synthcli.allocator import keep_freed_memory
from synthcli.model import build, count_parameters
from synthcli.objectives import causal_lm, segment_lm
from synthcli.presets import load_preset
from synthcli.training.optimizers import build_optimizer
from synthcli.training.precision import choose_precision

PAIR = ["srupp-enwik8-base", "enwik8-pre-norm"]
WARM_UP = 3  # steps that are not counted


class Stepper:
    """A preset's model, and steps of it; a stream carries its state from one to the next."""

    def __init__(self, name: str) -> None:
        self.experiment = experiment = load_preset(name, "hour")
        torch.manual_seed(0)
        self.model = build(experiment.model).train()
        self.optimizer = build_optimizer(self.model, experiment.training.optimizer)
        self.precision = choose_precision(experiment.training.precision, torch.device("cpu"))
        self.is_stream = experiment.data.layout == "streams"
        self.state: Any = self.model.initial_state() if self.is_stream else None  # type: ignore[operator]
        self.seconds: list[float] = []

    @property
    def shape(self) -> tuple[int, int]:
        return self.experiment.data.batch.size or 0, self.experiment.model.max_target_length or 0

    def step(self) -> None:
        """Take one step, and note how long it took."""
        ids = torch.randint(4, self.experiment.model.vocab_size, (2, *self.shape))
        batch = {"tokens": ids[0], "targets": ids[1]}
        began = time.perf_counter()
        with self.precision.autocast(torch.device("cpu")):
            if self.is_stream:
                loss, targets, self.state = segment_lm(self.model, batch, self.state)
            else:
                loss, targets = causal_lm(self.model, batch, 0.0)
        (loss / targets).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.experiment.training.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.seconds.append(time.perf_counter() - began)

    def figures(self, of_first: float) -> dict[str, Any]:
        """Return what is printed; `of_first` are the seconds that the first preset takes in all its steps."""
        step = statistics.median(self.seconds[WARM_UP:])
        rows, length = self.shape
        return {
            "preset": self.experiment.name,
            "parameters": count_parameters(self.model),
            "ms a step": round(step * 1e3, 1),
            "ids a second": round(rows * length / step),
            "steps": self.experiment.training.steps,
            "minutes": round(step * (self.experiment.training.steps or 0) / 60, 1),
            "steps in the first's time": round(of_first / step),
        }


def main() -> None:
    keep_freed_memory()  # as `synth` itself does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", default=PAIR)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    steppers = [Stepper(name) for name in options.presets]
    for _ in range(options.steps + WARM_UP):
        for stepper in steppers:
            stepper.step()
    first = steppers[0]
    of_first = statistics.median(first.seconds[WARM_UP:]) * (first.experiment.training.steps or 0)
    figures = [stepper.figures(of_first) for stepper in steppers]
    for row in figures:
        print("  ".join(f"{key}: {value:,}" if key != "preset" else str(value) for key, value in row.items()))
    if options.json:
        record = {"threads": torch.get_num_threads(), "precision": first.precision.description}
        options.json.write_text(json.dumps({**record, "presets": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
