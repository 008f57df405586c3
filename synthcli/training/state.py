"""What a checkpoint holds beside the model: moments by parameter name, carried states, a little JSON."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.model import flatten_state, unflatten_state
from synthcli.training.manifest import DAMAGED
from synthcli.training.precision import choose

if TYPE_CHECKING:
    from synthcli.training.training import Training

OPTIMIZER, STATE, CARRIED = "optimizer.safetensors", "state.json", "carried.safetensors"


def save(training: "Training", folder: Path) -> None:
    """Write the state of optimizer and scaler; random numbers and data position follow from the step."""
    folder.mkdir()
    save_file(moments(training), folder / OPTIMIZER)
    if carried := states(training):
        save_file(carried, folder / CARRIED)
    table = {
        "step": training.step,
        "precision": training.precision.name,
        "processes": training.accelerator.num_processes,
        "scaler": training.scaler.state_dict(),
    }
    (folder / STATE).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def states(training: "Training") -> dict[str, Tensor]:
    """Return the states carried from segment to segment as `<micro-batch>.<path>`."""
    tensors: dict[str, Tensor] = {}
    for number, state in training.carried.items():
        tensors |= flatten_state(state, str(number))
    return {name: tensor.contiguous().clone() for name, tensor in tensors.items()}


def restore_states(training: "Training", tensors: dict[str, Tensor]) -> None:
    """Give every micro-batch the state after its last segment."""
    # a copy: a tensor that lies askew in memory, as in a file, is multiplied in another order
    here = {name: tensor.to(training.device, copy=True) for name, tensor in tensors.items()}
    for number in sorted({int(name.partition(".")[0]) for name in here}):
        template = training.model.initial_state()  # type: ignore[operator]
        training.carried[number] = unflatten_state(template, here, str(number))


def moments(training: "Training") -> dict[str, Tensor]:
    """Return the optimizer's tensors as `<parameter>/<moment>`."""
    names: dict[Tensor, str] = {p: name for name, p in training.model.named_parameters()}
    return {
        f"{names[p]}/{moment}": tensor.contiguous()
        for p, state in training.optimizer.state.items()
        for moment, tensor in state.items()
    }


def restore(training: "Training", folder: Path) -> None:
    """Give optimizer and scaler what they had; with `auto` the precision is that of before."""
    table: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    by_name = dict(training.model.named_parameters())
    for key, tensor in load_file(folder / OPTIMIZER).items():
        name, _, moment = key.rpartition("/")
        if name not in by_name:
            raise SynthError(f"`{folder / OPTIMIZER}` holds `{name}`, which the model has not", DAMAGED)
        training.optimizer.state[by_name[name]][moment] = tensor.to(by_name[name].device)
    if (folder / CARRIED).exists():
        restore_states(training, load_file(folder / CARRIED))
    if training.config.precision == "auto":
        training.precision = choose(table["precision"], training.device)
    training.scaler.load_state_dict(table["scaler"])
