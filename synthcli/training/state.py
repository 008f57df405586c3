"""What a checkpoint holds beside the model: moments by parameter name, a little JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor

from synthcli.atomic_files import save_tensors
from synthcli.errors import SynthError
from synthcli.safe_read import read_table
from synthcli.training.manifest import DAMAGED
from synthcli.training.precision import choose_precision

if TYPE_CHECKING:
    from synthcli.training.trainer import Trainer

COUNT = "step"  # the moment that counts steps: optimizers that are not fused read it on the host
OPTIMIZER, STATE = "optimizer.safetensors", "state.json"


def save_optimizer(training: "Trainer", folder: Path, preset: str | None = None) -> None:
    """Write the state of optimizer and scaler; random numbers and data position follow from the step.

    `preset` is the hash of the settings it was trained by.
    """
    folder.mkdir()
    save_tensors(folder / OPTIMIZER, moments(training))
    table = {
        "step": training.step,
        "precision": training.precision.name,
        "processes": training.accelerator.num_processes,
        "scaler": training.scaler.state_dict(),
        **({} if preset is None else {"preset": preset}),
    }
    (folder / STATE).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def moments(training: "Trainer") -> dict[str, Tensor]:
    """Return the optimizer's tensors as `<parameter>/<moment>`."""
    names: dict[Tensor, str] = {p: name for name, p in training.model.named_parameters()}
    return {
        f"{names[p]}/{moment}": tensor.contiguous()
        for p, state in training.optimizer.state.items()
        for moment, tensor in state.items()
    }


def restore_optimizer(training: "Trainer", folder: Path) -> None:
    """Give optimizer and scaler what they had; with `auto` the precision is that of before."""
    table = read_table(folder / STATE, DAMAGED)
    by_name = dict(training.model.named_parameters())
    on_host = find_host_counts(training.optimizer)
    for key, tensor in load_file(folder / OPTIMIZER).items():
        name, _, moment = key.rpartition("/")
        if name not in by_name:
            raise SynthError(f"`{folder / OPTIMIZER}` holds `{name}`, which the model has not", DAMAGED)
        parameter = by_name[name]
        stays = moment == COUNT and parameter in on_host
        training.optimizer.state[parameter][moment] = tensor if stays else tensor.to(parameter.device)
    if training.config.precision == "auto":
        training.precision = choose_precision(table["precision"], training.device)
    training.scaler.load_state_dict(table["scaler"])


def find_host_counts(optimizer: torch.optim.Optimizer) -> set[Tensor]:
    """Return the parameters whose number of steps is kept in the host's memory, as torch's optimizers do.

    Moved to a device it would be read from there: a wait for every parameter in every step.
    """
    groups = (
        group for group in optimizer.param_groups if not (group.get("fused") or group.get("capturable"))
    )
    return {parameter for group in groups for parameter in group["params"]}
