"""Optimizers, and which parameters decay."""

import torch
from torch import nn

from synthcli.training.config import AdamWConfig

FUSED_ON = ("cpu", "cuda")  # 22 ms against 75 for 42M parameters on one core


def adamw(model: nn.Module, config: AdamWConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019); the learning rate is set before every step."""
    decayed, plain = parameter_groups(model)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    fused = all(p.device.type in FUSED_ON for p in decayed + plain)
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=0.0,
        betas=config.betas,
        eps=config.eps,
        fused=fused,
    )


def parameter_groups(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split the trainable parameters into those that decay and those that do not."""
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decayed = [p for name, p in trainable if decays(name, p)]
    return decayed, [p for name, p in trainable if not decays(name, p)]


def decays(name: str, parameter: nn.Parameter) -> bool:
    """Matrices decay; norms, biases (also those with an axis for heads), gates and score tables do not."""
    is_matrix = parameter.ndim >= 2 and name.rpartition(".")[2] != "bias"
    return is_matrix and not getattr(parameter, "no_weight_decay", False)
