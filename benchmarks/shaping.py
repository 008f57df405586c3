"""Shaped attention (α I + β A − γ C) V beside the plain formula that makes the length × length matrix.

Forward and backward of 4 sequences of 12 heads of 64, causal; the two take turns, figures are medians, and
`saved` is what autograd keeps between forward and backward.

    python benchmarks/shaping.py [--lengths 128 512 1024 2048] [--rounds 9] [--threads 2] [--json FILE]
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from synthcli.allocator import keep_freed_memory
from synthcli.model.context import Context
from synthcli.model.mixers.shaping import Shaping
from synthcli.model_config.shaping import ShapingConfig

BATCH, HEADS, D_HEAD = 4, 12, 64


def inputs(length: int) -> list[Tensor]:
    """Return query, key and value as a projection leaves them: (batch, heads, length, d_head), by strides."""
    shape = (BATCH, length, HEADS, D_HEAD)
    return [torch.randn(shape, requires_grad=True) for _ in range(3)]


def by_running_mean(shaping: Shaping, length: int) -> Callable[[list[Tensor]], Tensor]:
    """Return what our models compute."""

    def forward(given: list[Tensor]) -> Tensor:
        q, k, v = (t.transpose(1, 2) for t in given)
        attended = scaled_dot_product_attention(q, k, v, is_causal=True)
        return shaping(attended, v, Context(causal=True), None)

    return forward


def by_matrix(shaping: Shaping, length: int) -> Callable[[list[Tensor]], Tensor]:
    """Return the formula as it stands."""
    mask = torch.ones(length, length, dtype=torch.bool).tril()
    identity, centre = torch.eye(length), mask / torch.arange(1, length + 1)[:, None]

    def forward(given: list[Tensor]) -> Tensor:
        q, k, v = (t.transpose(1, 2) for t in given)
        a = (q @ k.mT * D_HEAD**-0.5).masked_fill(~mask, -torch.inf).softmax(-1)
        alpha, beta, gamma = (g[:, None, None] for g in (shaping.identity, shaping.attention, shaping.centre))
        return ((alpha * identity + beta * a - gamma * centre) @ v).transpose(1, 2)

    return forward


def run(forward: Callable[[list[Tensor]], Tensor], given: list[Tensor], weight: Tensor) -> None:
    (forward(given) * weight).sum().backward()


def saved(forward: Callable[[list[Tensor]], Tensor], given: list[Tensor]) -> float:
    """Return the MiB that autograd keeps, each storage once."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        forward(given)
    return sum(kept.values()) / 2**20


def compare(length: int, rounds: int) -> dict[str, float]:
    """Measure both at one length."""
    shaping = Shaping(ShapingConfig(), HEADS)
    shaping.initialise_parameters()
    given, weight = inputs(length), torch.randn(BATCH, length, HEADS, D_HEAD)
    forms = {"ours": by_running_mean(shaping, length), "plain": by_matrix(shaping, length)}
    torch.testing.assert_close(forms["ours"](given), forms["plain"](given), rtol=1e-4, atol=1e-4)
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(rounds + 2):
        for name, forward in forms.items():
            began = time.perf_counter()
            run(forward, given, weight)
            if turn >= 2:
                seconds[name].append(time.perf_counter() - began)
    figures = {f"{name}_seconds": statistics.median(values) for name, values in seconds.items()}
    memory = {f"{name}_saved_mib": saved(forward, given) for name, forward in forms.items()}
    speed = figures["plain_seconds"] / figures["ours_seconds"]
    return {"length": length, **figures, "speed": speed, **memory}


def main() -> None:
    keep_freed_memory()  # as `synth` itself does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512, 1024, 2048])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    print(f"{'T':>5} {'ours ms':>9} {'plain ms':>9} {'speed':>6} {'saved MiB':>10} {'plain MiB':>10}")
    rows = []
    for length in options.lengths:
        row = compare(length, options.rounds)
        rows.append(row)
        times = f"{1e3 * row['ours_seconds']:9.2f} {1e3 * row['plain_seconds']:9.2f} {row['speed']:6.2f}"
        memory = f"{row['ours_saved_mib']:10.1f} {row['plain_saved_mib']:10.1f}"
        print(f"{length:5} {times} {memory}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"threads": options.threads, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
