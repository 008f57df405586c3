"""accelerate: weights that wait in memory or on disk until a layer needs them."""

from pathlib import Path
from typing import Any

import torch
from accelerate import cpu_offload, disk_offload, infer_auto_device_map

from tests.clients.examples import difference, encode, logits_of
from tests.clients.subjects import Subject


def check_offloaded(subject: Subject, model: object) -> None:
    inputs = encode(subject)
    assert difference(logits_of(model, inputs), logits_of(subject.load(), inputs)) == 0


def offload_to_memory(subject: Subject, folder: Path) -> None:
    """Every layer takes its weights from a state dict, and gives them back."""
    model = subject.load()
    cpu_offload(model, execution_device=torch.device("cpu"))
    assert all(parameter.is_meta for parameter in model.parameters())
    check_offloaded(subject, model)


def offload_to_disk(subject: Subject, folder: Path) -> None:
    """Every layer takes its weights from files."""
    model = subject.load()
    disk_offload(model, str(folder / "offloaded"), execution_device=torch.device("cpu"))
    assert all(parameter.is_meta for parameter in model.parameters())
    check_offloaded(subject, model)


def place(subject: Subject, folder: Path) -> None:
    """`from_pretrained` places layers by their sizes: here, half of them on disk."""
    model = subject.load()
    blocks = model._no_split_modules
    assert blocks, "no `_no_split_modules`: a layer with a skip may be cut in two"
    devices = split_devices(model)
    kinds = {type(module).__name__ for module in model.modules()}
    assert kinds & set(blocks), (kinds, blocks)
    for name, module in model.named_modules():
        if type(module).__name__ in blocks:
            assert not any(place.startswith(f"{name}.") for place in devices), f"`{name}` was cut"
    check_offloaded(subject, subject.load(device_map=devices, offload_folder=str(folder)))


def split_devices(model: Any) -> dict[str, Any]:
    """Return where accelerate places parts of a model in the least memory that takes any of them."""
    size = sum(parameter.numel() * 4 for parameter in model.parameters())
    for tenth in range(5, 30):
        memory = {"cpu": size * tenth // 10, "disk": 10**9}
        blocks = list(model._no_split_modules)
        try:
            found: dict[str, Any] = infer_auto_device_map(model, memory, no_split_module_classes=blocks)
        except IndexError:  # accelerate's own, where tied tensors alone are larger than the memory
            continue
        if set(found.values()) == {"cpu", "disk"}:
            return found
    raise AssertionError("no part of the model was placed beside another")
