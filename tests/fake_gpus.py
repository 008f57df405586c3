"""GPUs that torch says are there: enough to choose among, not to compute on."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch

TORCH = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")  # as torch 2.9 for CUDA 12.8


def with_gpus(
    monkeypatch: pytest.MonkeyPatch, *capabilities: tuple[int, int], built_for: Sequence[str] = TORCH
) -> None:
    """Have torch say that there are GPUs of these capabilities."""
    told = {
        "is_available": lambda: bool(capabilities),
        "device_count": lambda: len(capabilities),
        "get_device_capability": lambda one: capabilities[one.index],
        "get_device_name": lambda one=None: f"Card {0 if one is None else one.index}",
        "get_device_properties": lambda one: SimpleNamespace(
            name=f"Kind {capabilities[one.index][0]}", total_memory=80 * 10**9
        ),
        "get_arch_list": lambda: list(built_for),
        "set_device": lambda one: None,
    }
    for name, tell in told.items():
        monkeypatch.setattr(torch.cuda, name, tell)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
