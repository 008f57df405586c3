"""Time and memory of a decoder by its blocks, beside transformers' GPT-2: d768, 12 heads, T = 128, 512, 1024.

`step` is a whole training step (embedding, blocks, head, loss, backward, clip, AdamW), `blocks` forward and
backward of the stack alone. Models take turns, round after round; figures are medians, and ratios within this
one run are what counts. Peak memory is that of a process that does nothing but two steps.

    python benchmarks/blocks.py [--lengths 128 512 1024] [--layers 6] [--precision bf16] [--json FILE]
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from synthcli.allocator import keep_freed_memory
from synthcli.model import ModelConfig, build, count_parameters
from synthcli.objectives import causal_lm

VOCAB, D_MODEL, HEADS, TOKENS = 50_000, 768, 12, 1024  # tokens of a step, whatever the length
PEER, CLEAN = "transformers GPT-2 (sdpa)", "pre-norm"
FULL = {"kind": "full", "bias": False}
SAVING: dict[str, Any] = {"activation": "relu", "feed_forward_bias": False}  # He & Hofmann's decoder
MODELS: dict[str, dict[str, Any]] = {
    "pre-norm, as GPT-2": {"block": "pre-norm", "activation": "gelu-tanh", "mixer": {"heads": HEADS}},
    CLEAN: {
        "block": {"kind": "pre-norm", "norm": "rms"},
        "mixer": {"heads": HEADS, "value": FULL, "output": FULL},
        **SAVING,
    },
    "parallel": {
        "block": {"kind": "parallel", "norm": "rms"},
        "mixer": {"heads": HEADS, "value": FULL, "output": FULL},
        **SAVING,
    },
    "skipless": {"block": "skipless", "mixer": {"heads": HEADS}, **SAVING},
    "skipless-parallel": {"block": "skipless-parallel", "mixer": {"heads": HEADS}, **SAVING},
}


def ours(name: str, length: int, layers: int) -> nn.Module:
    """Build a decoder of ours; the head is tied as in GPT-2."""
    table = {
        "task": "causal-lm",
        "vocab_size": VOCAB,
        "d_model": D_MODEL,
        "d_ff": 4 * D_MODEL,
        "dropout": 0.0,
        "embeddings": {"tie": "output", "scale": False},
        "decoder": {"layers": layers, "max_length": length},
        **MODELS[name],
    }
    return build(ModelConfig.model_validate(table))


def peer(length: int, layers: int) -> nn.Module:
    """Build transformers' GPT-2 of the same size, with its fused attention."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"n_positions": length, "n_embd": D_MODEL, "n_layer": layers, "n_head": HEADS}
    no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    options = {**sizes, **no_dropout, "bos_token_id": 0, "eos_token_id": 0}
    config = GPT2Config(vocab_size=VOCAB, use_cache=False, attn_implementation="sdpa", **options)
    return GPT2LMHeadModel(config)


def model_of(name: str, length: int, layers: int) -> nn.Module:
    return peer(length, layers) if name == PEER else ours(name, length, layers)


def step_of(model: nn.Module, length: int, precision: str) -> Callable[[], None]:
    """Return one training step; ours computes its loss as `synth train` does."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, fused=True)
    tokens = torch.randint(VOCAB, (TOKENS // length, length))

    def loss() -> Tensor:
        if hasattr(model, "transformer"):
            logits = model(input_ids=tokens).logits.float().flatten(0, 1)
            return cross_entropy(logits, tokens.flatten())
        total, targets = causal_lm(model, {"tokens": tokens, "targets": tokens})
        return total / targets

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            mean = loss()
        mean.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def blocks_of(model: nn.Module, length: int, precision: str) -> Callable[[], None]:
    """Return forward and backward of the stack alone."""
    x = torch.randn(TOKENS // length, length, D_MODEL, requires_grad=True)
    weight = torch.randn(TOKENS // length, length, D_MODEL)
    if hasattr(model, "transformer"):
        peer_blocks: Any = model.transformer.h

        def forward() -> Tensor:
            y = x
            for block in peer_blocks:
                y = block(y)
                y = y[0] if isinstance(y, tuple) else y
            return y
    else:
        from synthcli.model.context import Context

        stack: Any = model.decoder

        def forward() -> Tensor:
            y = x
            for block in stack.blocks:
                y, _ = block(y, Context(causal=True), None, None)
            return y

    def run() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            y = forward()
        (y * weight).sum().backward()
        model.zero_grad(set_to_none=True)
        x.grad = None

    return run


WORK = {"step": step_of, "blocks": blocks_of}


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


def peak_memory(name: str, length: int, options: argparse.Namespace) -> float:
    """Return the MiB that two steps add to a process that holds the model, measured in one of its own."""
    arguments = ["--one", name, "--lengths", str(length), "--layers", str(options.layers)]
    arguments += ["--precision", options.precision, "--threads", str(options.threads)]
    told = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return float(told.stdout)


def added_memory(name: str, length: int, options: argparse.Namespace) -> float:
    model = model_of(name, length, options.layers)
    before = most_memory()
    step = step_of(model, length, options.precision)
    step()
    step()
    return most_memory() - before


def most_memory() -> float:
    """Return the most MiB this process has held (Linux; getrusage's figure survives from the parent)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def compare(length: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all models at one length."""
    names = options.models or [PEER, *MODELS]
    models = {name: model_of(name, length, options.layers) for name in names}
    times = {
        work: measure({n: make(m, length, options.precision) for n, m in models.items()}, options.rounds)
        for work, make in WORK.items()
        if work in options.work
    }
    sizes = {name: count_parameters(model) for name, model in models.items()}
    del models
    memory = {name: peak_memory(name, length, options) if options.memory else None for name in names}
    return [
        {
            "length": length,
            "model": name,
            "parameters": sizes[name],
            "added_memory_mib": memory[name],
            **{
                key: value
                for work, seconds in times.items()
                for key, value in (
                    (f"{work}_seconds", seconds[name]),
                    (f"{work}_speed_relative_to_gpt2", seconds.get(PEER, math.nan) / seconds[name]),
                    (f"{work}_speed_relative_to_pre_norm", seconds.get(CLEAN, math.nan) / seconds[name]),
                )
            },
        }
        for name in names
    ]


def show(row: dict[str, Any], works: list[str]) -> None:
    print(f"{row['length']:5} {row['model']:26} {row['parameters']:12,}", end="")
    for work in works:
        figures = (row[f"{work}_{name}"] for name in ("speed_relative_to_gpt2", "speed_relative_to_pre_norm"))
        print(f" {row[f'{work}_seconds']:9.3f}" + "".join(f" {figure:10.2f}" for figure in figures), end="")
    memory = row["added_memory_mib"]
    print("" if memory is None else f" {memory:9.0f}", flush=True)


def main() -> None:
    keep_freed_memory()  # as `synth` itself does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[128, 512, 1024])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--models", choices=[PEER, *MODELS], nargs="+", help="all, unless some are named")
    parser.add_argument("--work", choices=list(WORK), nargs="+", default=list(WORK))
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    parser.add_argument("--one", help="only print the memory that this model's steps add")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.one:
        return print(added_memory(options.one, options.lengths[0], options))
    print(f"{'T':>5} {'model':26} {'parameters':>12}", end="")
    for work in options.work:
        print(f" {'s/' + work:>9} {'x GPT-2':>10} {'x pre-norm':>10}", end="")
    print(f" {'MiB':>9}")
    rows = []
    for length in options.lengths:
        for row in compare(length, options):
            show(row, options.work)
            rows.append(row)
    if options.json:
        settings = {"layers": options.layers, "precision": options.precision, "threads": options.threads}
        options.json.write_text(json.dumps({"options": settings, "rows": rows}, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
