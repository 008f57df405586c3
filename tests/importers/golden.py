"""Tensors recorded from the original implementations, and the gradients of ours under their names."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from torch import Tensor, nn


def recorded(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the original's options and every tensor of a file."""
    with safe_open(path, "pt") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - a file is not a dict


def group(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names start with a prefix, without it."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def gradient_norms(model: nn.Module, original_names: Mapping[str, str]) -> dict[str, float]:
    """Return the norm of every original tensor's gradient; ours may hold it in several parts."""
    squares: defaultdict[str, float] = defaultdict(float)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            squares[original_names[name]] += parameter.grad.double().square().sum().item()
    return {name: square**0.5 for name, square in squares.items()}
