"""States carried from segment to segment: a process holds those of its own streams, a checkpoint all of them.

A file has one tensor for every part of the state, a row a stream in the order of the streams, so that a run
may be resumed by another number of processes. Numbers, such as the position, are the same for all streams.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor

from synthcli.atomic_files import save_tensors
from synthcli.errors import SynthError
from synthcli.model import flatten_state, select_state, unflatten_state
from synthcli.model.interface import get_initial_state
from synthcli.model.state import map_state
from synthcli.training.manifest import DAMAGED
from synthcli.training.trainer import Trainer

if TYPE_CHECKING:
    from accelerate import Accelerator


CARRIED = "carried.safetensors"


def gather_states(training: "Trainer") -> dict[str, Tensor]:
    """Return the states of all streams in the main process, nothing in others; all have to call it."""
    rows = {name: rows_of_all(training.accelerator, part) for name, part in own(training).items()}
    return rows if training.accelerator.is_main_process else {}


def own(training: "Trainer") -> dict[str, Tensor]:
    """Return the states of this process's streams, one micro-batch after the other."""
    if not training.carried:
        return {}
    numbers = [number for number, part in enumerate(training.parts(), start=1) if len(part)]
    states = [flatten_state(training.carried[number]) for number in numbers]
    return {
        name: torch.cat([state[name] for state in states]) if part.dim() else part
        for name, part in states[0].items()
    }


def rows_of_all(accelerator: "Accelerator", part: Tensor) -> Tensor:
    """Return the rows of every process in main memory, in the order of the processes."""
    if accelerator.num_processes == 1 or not part.dim():
        return part.cpu()
    counts = accelerator.gather(torch.tensor([len(part)], device=part.device)).tolist()
    filled = torch.cat((part, part.new_zeros(max(counts) - len(part), *part.shape[1:])))
    shares = accelerator.gather(filled).cpu().split(max(counts))
    return torch.cat([share[:count] for share, count in zip(shares, counts, strict=True)])


def save_streams(states: dict[str, Tensor], folder: Path) -> None:
    """Write the states of all streams; a training without streams has none."""
    if states:
        save_tensors(folder / CARRIED, states)


def restore_streams(training: "Trainer", folder: Path) -> None:
    """Give every micro-batch of this process the states its streams had after the training's step."""
    path = folder / CARRIED
    if not path.exists():
        return
    tensors, streams = load_file(path), training.batch.size or 0
    refuse_other_streams(tensors, streams, path)
    everything = unflatten_state(get_initial_state(training.model), tensors)
    for number, part in enumerate(training.parts(), start=1):
        if len(part):
            # copied: a tensor that lies askew in memory, as in a file, is multiplied in another order
            rows = select_state(everything, torch.from_numpy(part % streams))
            training.carried[number] = map_state(rows, lambda tensor: tensor.to(training.device))


def refuse_other_streams(tensors: dict[str, Tensor], streams: int, path: Path) -> None:
    """Raise where a file does not hold a row for every stream of the training."""
    if "position" not in tensors:
        raise SynthError(f"`{path}` holds no states of streams", DAMAGED)
    for name, part in tensors.items():
        if part.dim() and len(part) != streams:
            message = f"`{name}` of `{path}` has the states of {len(part)} streams, not of {streams}"
            raise SynthError(message, "resume with the `data.batch.size` the run began with")
