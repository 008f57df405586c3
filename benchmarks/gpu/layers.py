"""The first layer of SRU++ Base of enwik8 (Lei 2021) with attention, in the precision `synth train` takes."""

import torch
from torch import Tensor

from benchmarks.gpu.clock import seconds
from benchmarks.gpu.record import Row
from synthcli.model import build
from synthcli.model.context import Context
from synthcli.presets import load_preset
from synthcli.training.precision import choose_precision

PRESET, PAPER = "srupp-enwik8-base", "paper"


def layer(device: torch.device, scale: str, batch: int, length: int) -> Row:
    """Time forward and backward, without memory."""
    torch.manual_seed(0)
    config = load_preset(PRESET, scale).model
    with device:
        block = build(config).train().decoder.blocks[-1]
    precision = choose_precision("auto", device)
    x = torch.randn(batch, length, config.d_model, device=device, dtype=precision.dtype, requires_grad=True)
    weight = torch.randn_like(x)
    context = Context(causal=True)

    def forward() -> Tensor:
        with precision.autocast(device):
            return block(x, context, None, None)[0]

    def both() -> None:
        torch.autograd.grad((forward() * weight).sum(), [x, *block.parameters()], allow_unused=True)

    taken = {"forward": seconds(forward, device), "forward and backward": seconds(both, device)}
    return {
        "layer": PRESET,
        "d_model": config.d_model,
        "batch": batch,
        "length": length,
        "precision": precision.name,
        "milliseconds": {name: round(value * 1e3, 3) for name, value in taken.items()},
    }
