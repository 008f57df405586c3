"""A model's tensors by name, each tied one once."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from synthcli.errors import SynthError

SHOWN = 5  # names an error lists before it says how many more there are


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers; a tied parameter has the first of its names."""
    saved = model.state_dict(keep_vars=True)
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach() for name, tensor in named if name in saved}


@torch.no_grad()
def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copy every tensor into the model; a name or a shape that does not fit is an error."""
    own = weights_of(model)
    hint = "its `config.json` describes another model: use the checkpoint it was written with"
    if missing := [name for name in own if name not in weights]:
        raise SynthError(f"{where} lacks {listed(missing)}", hint)
    if unknown := [name for name in weights if name not in own]:
        raise SynthError(f"{where} holds {listed(unknown)}, which the model has not", hint)
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            shapes = f"{tuple(weights[name].shape)}, the model's is {tuple(tensor.shape)}"
            raise SynthError(f"`{name}` of {where} has the shape {shapes}", hint)
        tensor.copy_(weights[name])


def listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
