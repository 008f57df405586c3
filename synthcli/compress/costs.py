"""What a model costs: parameters, floating-point operations of a forward pass, and milliseconds."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from synthcli.compress.activations.capture import logits_of
from synthcli.device import device_of
from synthcli.model import count_parameters
from synthcli.model.interface import get_config
from synthcli.objectives import Batch

FLOPS_PER_PARAMETER = 2  # a multiplication and an addition for each token (Kaplan et al. 2020, section 2.1)
REPEATS = 7


@dataclass(frozen=True)
class Cost:
    """`flops` of one token's way through the layers, the head apart; `milliseconds` of one batch."""

    parameters: int
    layer_parameters: int
    layers: int
    flops: float
    milliseconds: float


def layer_parameters(model: nn.Module) -> int:
    """Count the parameters of the stacks."""
    stacks = (getattr(model, name, None) for name in ("encoder", "decoder"))
    return sum(count_parameters(stack) for stack in stacks if stack is not None)


@torch.inference_mode()
def costs_of(models: Sequence[nn.Module], batch: Batch) -> list[Cost]:
    """Return the costs of models; they take turns, so that what else the machine does is shared."""
    seconds: list[list[float]] = [[] for _ in models]
    for model in models:
        logits_of(model, batch)  # the first run allocates
    for _ in range(REPEATS):
        for place, model in enumerate(models):
            seconds[place].append(time_on(device_of(model), partial(logits_of, model, batch)))
    return [
        measure_cost(model, 1000 * statistics.median(s)) for model, s in zip(models, seconds, strict=True)
    ]


def measure_cost(model: nn.Module, milliseconds: float) -> Cost:
    own, config = layer_parameters(model), get_config(model)
    depth = sum(stack.layers for stack in (config.encoder, config.decoder) if stack is not None)
    return Cost(count_parameters(model), own, depth, float(FLOPS_PER_PARAMETER * own), milliseconds)


def time_on(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds until a device has done some work; what it was given before is waited for first."""
    wait = torch.cuda.synchronize if device.type == "cuda" else _wait_for_nothing
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


def _wait_for_nothing(device: torch.device) -> None:
    pass
