"""A layer of SRU++ and training steps of whole models, in the precision `synth train` takes on a device.

The step is that of enwik8's SRU++ Base (Lei 2021: 10 layers, 3072 / 768) and of a pre-norm Transformer of as
many parameters with fused attention, on 4 windows of 1,024: forward, backward, clipping, the optimizer.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.clock import seconds
from synthcli.model import build, count_parameters
from synthcli.model.context import Context
from synthcli.objectives import causal_lm, segment_lm
from synthcli.presets import load_preset
from synthcli.training.optimizers import build_optimizer
from synthcli.training.precision import choose

PRESETS = ("srupp-enwik8-base", "enwik8-pre-norm")
BATCH, LENGTH = 4, 1024
QUICK = (2, 32)


def model_of(name: str, scale: str, device: torch.device) -> tuple[Any, Any]:
    """Return a preset and its model."""
    torch.manual_seed(0)
    experiment = load_preset(name, scale)
    with device:
        return experiment, build(experiment.model).train()


def layer(device: torch.device, scale: str, batch: int, length: int) -> dict[str, Any]:
    """Time forward and backward of the first SRU++ layer with attention, without memory."""
    experiment, model = model_of(PRESETS[0], scale, device)
    block = model.decoder.blocks[-1]
    precision = choose("auto", device)
    d_model = experiment.model.d_model
    x = torch.randn(batch, length, d_model, device=device, dtype=precision.dtype, requires_grad=True)
    weight = torch.randn_like(x)
    context = Context(causal=True)

    def forward() -> Tensor:
        with precision.autocast(device):
            return block(x, context, None, None)[0]

    def both() -> None:
        torch.autograd.grad((forward() * weight).sum(), [x, *block.parameters()], allow_unused=True)

    taken = {"forward": seconds(forward, device), "forward and backward": seconds(both, device)}
    return {
        "d_model": d_model,
        "batch": batch,
        "length": length,
        "precision": precision.name,
        "milliseconds": {name: round(value * 1e3, 3) for name, value in taken.items()},
    }


def stepper(
    name: str, scale: str, device: torch.device, batch: int, length: int
) -> tuple[Any, Callable[[], None]]:
    """Return a model and what takes a training step of it."""
    experiment, model = model_of(name, scale, device)
    optimizer = build_optimizer(model, experiment.training.optimizer)
    precision = choose("auto", device)
    is_stream = experiment.data.layout == "streams"
    state = [model.initial_state() if is_stream else None]
    ids = torch.randint(4, experiment.model.vocab_size, (2, batch, length), device=device)

    def step() -> None:
        given = {"tokens": ids[0], "targets": ids[1]}
        with precision.autocast(device):
            if is_stream:
                loss, targets, state[0] = segment_lm(model, given, state[0])
            else:
                loss, targets = causal_lm(model, given, 0.0)
        (loss / targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), experiment.training.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return model, step


def training_step(name: str, scale: str, device: torch.device, batch: int, length: int) -> dict[str, Any]:
    """Time a training step; what it keeps in memory at most."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    model, step = stepper(name, scale, device, batch, length)
    taken = seconds(step, device)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return {
        "preset": name,
        "scale": scale,
        "parameters": count_parameters(model),
        "batch": batch,
        "length": length,
        "precision": choose("auto", device).name,
        "milliseconds": round(taken * 1e3, 2),
        "tokens_per_second": round(batch * length / taken),
        "peak_gigabytes": None if peak is None else round(peak / 1e9, 2),
    }
