"""SRU and SRU++ beside the original, nn.LSTM, nn.GRU, and the matrix products they cannot do without.

One layer of d = 1024.

Three tables, each from one run in which the subjects take turns:
`kernel`, the recurrence alone, forward; `step`, forward and backward of a layer with its input's gradient,
where `product` is the linear map d → 3d that an SRU holds; `growth`, the step of our SRU by its length.

    python benchmarks/recurrence.py [--rounds 5] [--dtype bfloat16] [--allocator system] [--json FILE]

All subjects share one allocator: `kept` is that of `synth`, `system` what a program of torch has by default.

The original is `sru` of the package index; without it its rows are left out, and the output says so:

    pip install --no-deps --pre sru ninja
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as `synth` itself sets it
os.environ.setdefault("SYNTH_KERNELS", "native")  # never mistake the reference for the kernel

import torch
from torch import Tensor, nn

from synthcli.allocator import keep_freed_memory
from synthcli.model.context import Context
from synthcli.model.mixers import SRU, Site, SRUpp
from synthcli.model.ops.dispatch import description
from synthcli.model.ops.recurrence import recurrence
from synthcli.model_config.recurrent import SRUConfig, SRUppConfig

D, PROJECTION = 1024, 256
SIZES = ((256, 16), (1024, 8))
LENGTHS, BATCH_OF_GROWTH = (256, 512, 1024, 2048, 4096), 2
SECONDS_OF_SLOW = 3.0  # what takes longer than this is timed once, not in every round

Step = Callable[[], object]


def original() -> Any:
    """Return the module of the original, or None; it compiles its C++ when it is imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import sru
    except (ImportError, OSError, RuntimeError) as error:
        print(f"without the original: {str(error).splitlines()[0]}", file=sys.stderr)
        return None
    return sru


def ours(kind: str, length: int) -> nn.Module:
    """Build a layer as a model holds it."""
    site = Site(D, length, length, layer=0, layers=2)
    layer: Any = SRU(SRUConfig(), site) if kind == "sru" else SRUpp(SRUppConfig(projection=PROJECTION), site)
    layer.initialise_parameters()
    return layer.train()


def layers(length: int, peer: Any) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return what is trained for a step, each from (batch, length, d) to an output."""
    context = Context(0, causal=True)
    product = nn.Linear(D, 3 * D, bias=False)
    lstm, gru = nn.LSTM(D, D, batch_first=True), nn.GRU(D, D, batch_first=True)
    sru, srupp = ours("sru", length), ours("srupp", length)
    found: dict[str, Callable[[Tensor], Tensor]] = {
        "product": product,
        "SRU": lambda x: sru(x, context)[0],
        "SRU++": lambda x: srupp(x, context)[0],
        "nn.LSTM": lambda x: lstm(x)[0],
        "nn.GRU": lambda x: gru(x)[0],
    }
    if peer is not None:
        first = peer.SRU(D, D, num_layers=1)
        second = peer.SRUpp(D, D, PROJECTION, num_layers=1)
        mask = torch.triu(torch.full((length, length), -math.inf), 1)
        found["original SRU"] = lambda x: first(x.transpose(0, 1))[0]
        found["original SRU++"] = lambda x: second(x.transpose(0, 1), attn_mask=mask)[0]
    return found


def training_step(layer: Callable[[Tensor], Tensor], length: int, batch: int, dtype: torch.dtype) -> Step:
    """Return forward and backward of random numbers; 16 bits by autocast, as in training."""
    x = torch.randn(batch, length, D, requires_grad=True)
    is_wide = dtype == torch.float32

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not is_wide):
            y = layer(x)
        y.backward(torch.ones_like(y))
        x.grad = None

    return step


def kernels(length: int, batch: int, peer: Any) -> dict[str, Step]:
    """Return the recurrence alone, without a gradient."""
    u, x = torch.randn(batch, length, 3, D), torch.randn(batch, length, D)
    initial, weight_c, bias = torch.zeros(batch, D), torch.randn(2, D), torch.randn(2, D)
    found: dict[str, Step] = {"ours": lambda: recurrence(u, x, initial, weight_c, bias)}
    if peer is not None:
        theirs = u.permute(1, 0, 3, 2).contiguous()  # (length, batch, d, 3)
        by_time, flat = x.transpose(0, 1).contiguous(), (weight_c.flatten(), bias.flatten())
        forward = torch.ops.sru_cpu.cpu_forward
        arguments = (initial, None, length, batch, D, 3, 0, True, 1.0, False)
        found["original"] = lambda: forward(theirs, by_time, *flat, *arguments)
    return found


def timed(subjects: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return the median seconds of each; all take their turn in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, subject in subjects.items():
            if number > 1 and seconds[name][0] > SECONDS_OF_SLOW:
                continue
            start = time.perf_counter()
            subject()
            if number or time.perf_counter() - start > SECONDS_OF_SLOW:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def table(title: str, seconds: dict[str, float], base: str) -> None:
    print(f"\n{title}\n{'':16} {'ms':>10} {'× ' + base:>12}")
    for name, value in seconds.items():
        print(f"{name:16} {1e3 * value:10.1f} {value / seconds[base]:12.2f}")


def growth(rounds: int, dtype: torch.dtype) -> tuple[dict[str, float], float]:
    """Return the seconds of a step of SRU by length, and the exponent of their power law."""
    context, layer = Context(0, causal=True), ours("sru", max(LENGTHS))
    call = lambda x: layer(x, context)[0]  # noqa: E731
    steps = {str(length): training_step(call, length, BATCH_OF_GROWTH, dtype) for length in LENGTHS}
    seconds = timed(steps, rounds)
    logs = torch.tensor([[math.log(float(length)), math.log(value)] for length, value in seconds.items()])
    centred = logs - logs.mean(0)
    return seconds, float((centred[:, 0] * centred[:, 1]).sum() / centred[:, 0].square().sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--allocator", default="kept", choices=["kept", "system"])
    options = parser.parse_args()
    if options.allocator == "kept":
        keep_freed_memory()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    dtype, peer = getattr(torch, options.dtype), original()
    how = f"{options.threads} threads, {options.dtype}, allocator {options.allocator}"
    print(f"torch {torch.__version__}, {how}; {description('cpu')}")
    found: dict[str, Any] = {
        "torch": torch.__version__,
        **{k: v for k, v in vars(options).items() if k != "json"},
    }
    for length, batch in SIZES:
        with torch.no_grad():
            alone = timed(kernels(length, batch, peer), 4 * options.rounds)
        table(f"kernel, forward, float32: T {length}, B {batch}", alone, "ours")
        subjects = layers(length, peer)
        steps = {name: training_step(layer, length, batch, dtype) for name, layer in subjects.items()}
        seconds = timed(steps, options.rounds)
        table(f"step: T {length}, B {batch}", seconds, "SRU")
        found[f"{length}x{batch}"] = {"kernel": alone, "step": seconds}
    seconds, exponent = growth(options.rounds, dtype)
    table(f"growth: B {BATCH_OF_GROWTH}; seconds grow as T^{exponent:.2f}", seconds, str(LENGTHS[0]))
    found["growth"] = {"seconds": seconds, "exponent": exponent}
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
