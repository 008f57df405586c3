"""Steps per second of a 6+6-layer d512 encoder-decoder: ours by score function, beside torch.nn.Transformer.

Every model does the same work in turn, round after round, so that a noisy machine hits all alike;
figures are medians, and ratios within this one run are what counts.

    python benchmarks/train_step.py [--rounds 7] [--threads 2] [--precision fp32] [--json FILE]
"""

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from synthcli.allocator import keep_freed_memory
from synthcli.model import ModelConfig, build, count_parameters
from synthcli.objectives import seq2seq

VOCAB, D_MODEL, LENGTH, BATCH, SMOOTHING = 32_000, 512, 64, 8, 0.1
PEER = "torch.nn.Transformer"


class TorchTransformer(nn.Module):
    """The same architecture from torch's own module: pre-norm, learned positions, one shared embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, D_MODEL)
        self.source_positions = nn.Embedding(256, D_MODEL)
        self.target_positions = nn.Embedding(128, D_MODEL)
        self.dropout = nn.Dropout(0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of nested tensors, which it does not use here
            self.transformer = nn.Transformer(
                D_MODEL, 8, 6, 6, 2048, 0.1, "gelu", batch_first=True, norm_first=True
            )

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        memory = self._embed(source, self.source_positions)
        hidden = self.transformer(
            memory, self._embed(target, self.target_positions), tgt_mask=causal, tgt_is_causal=True
        )
        return hidden @ self.embedding.weight.T

    def _embed(self, tokens: Tensor, positions: nn.Embedding) -> Tensor:
        return self.dropout(self.embedding(tokens) * D_MODEL**0.5 + positions.weight[: tokens.shape[1]])


def ours(*kinds: str) -> nn.Module:
    """Build our model with every attention, cross too, filled by these scores."""
    mixer = {"heads": 8, "dropout": 0.1, "scores": [{"kind": kind} for kind in kinds]}
    config = {
        "task": "seq2seq",
        "vocab_size": VOCAB,
        "d_model": D_MODEL,
        "d_ff": 2048,
        "mixer": mixer,
        "cross": mixer,
        "encoder": {"layers": 6, "max_length": 256},
        "decoder": {"layers": 6, "max_length": 128},
    }
    return build(ModelConfig.model_validate(config))


def step_of(model: nn.Module, precision: str) -> Callable[[], None]:
    """Return one training step: forward, loss (ours is that of `synth train`), backward, clip, AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    source, target = (torch.randint(VOCAB, (BATCH, LENGTH)) for _ in range(2))

    def loss() -> Tensor:
        if isinstance(model, TorchTransformer):
            logits = model(source, target).float().flatten(0, 1)
            return cross_entropy(logits, target.flatten(), label_smoothing=SMOOTHING)
        total, targets = seq2seq(model, {"source": source, "tokens": target, "targets": target}, SMOOTHING)
        return total / targets

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            mean = loss()
        mean.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def measure(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Return the median seconds of a step, the models taking turns."""
    for step in steps.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds):
        names = list(steps)[turn % len(steps) :] + list(steps)[: turn % len(steps)]
        for name in names:
            began = time.perf_counter()
            steps[name]()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    keep_freed_memory()  # as `synth` itself does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    models = {
        PEER: TorchTransformer(),
        "vanilla": ours("dot-product"),
        "random": ours("random"),
        "dense": ours("dense"),
        "random + vanilla": ours("random", "dot-product"),
    }
    medians = measure({name: step_of(m, options.precision) for name, m in models.items()}, options.rounds)
    print(f"{'model':22} {'parameters':>12} {'s/step':>8} {'x ' + PEER:>24} {'x vanilla':>10}")
    rows = []
    for name, seconds in medians.items():
        rows.append(
            {
                "model": name,
                "parameters": count_parameters(models[name]),
                "seconds_per_step": seconds,
                "steps_per_second_relative_to_torch": medians[PEER] / seconds,
                "steps_per_second_relative_to_vanilla": medians["vanilla"] / seconds,
            }
        )
        ratios = f"{medians[PEER] / seconds:24.2f} {medians['vanilla'] / seconds:10.2f}"
        print(f"{name:22} {rows[-1]['parameters']:12,} {seconds:8.3f} {ratios}")
    if options.json:
        options.json.write_text(
            json.dumps({"options": {**vars(options), "json": None}, "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
