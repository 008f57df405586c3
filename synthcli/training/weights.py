"""A model's tensors by name, each tied one once."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.model import ModelConfig, build
from synthcli.model.uninitialised import Uninitialised

FOREIGN = "its `config.json` describes another model: use the checkpoint it was written with"
SHOWN = 5  # names an error lists before it says how many more there are


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers; a tied parameter has the first of its names."""
    saved = model.state_dict(keep_vars=True)
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach() for name, tensor in named if name in saved}


def own_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return a model's tensors out of `weights`, each tied one once and in the model's type, to be saved.

    The model may be one without memory. A tied tensor that `weights` holds under several names is one value.
    """
    own, aliases = weights_of(model), aliases_of(model)
    saved = dict(weights)
    for alias, name in aliases.items():
        if alias in saved and not torch.equal(saved.pop(alias), saved.setdefault(name, weights[alias])):
            raise SynthError(
                f"`{alias}` of {where} differs from `{name}`, which the model ties to it", FOREIGN
            )
    _check(own, saved, where)
    return {name: saved[name].detach().to("cpu", tensor.dtype).contiguous() for name, tensor in own.items()}


def aliases_of(model: nn.Module) -> dict[str, str]:
    """Return the other names of tied tensors: each → the first."""
    first: dict[int, str] = {}
    names = model.state_dict(keep_vars=True).items()
    return {name: first[id(t)] for name, t in names if first.setdefault(id(t), name) != name}


@torch.no_grad()
def load_weights(model: nn.Module, weights: Mapping[str, Tensor], where: str) -> None:
    """Copy every tensor into the model; a name or a shape that does not fit is an error."""
    _check(weights_of(model), weights, where)
    for name, tensor in weights_of(model).items():
        tensor.copy_(weights[name])


def check_fit(config: ModelConfig, weights: Mapping[str, Tensor], where: str) -> None:
    """Raise where a tensor is missing, unknown, or of another shape than a configuration asks for.

    No memory is taken, whatever the configuration says.
    """
    try:
        with torch.device("meta"), Uninitialised():
            _check(weights_of(build(config)), weights, where)
    except (RuntimeError, OverflowError, TypeError) as error:
        raise SynthError(f"the configuration of {where} asks for tensors too large to be", FOREIGN) from error


def _check(own: Mapping[str, Tensor], weights: Mapping[str, Tensor], where: str) -> None:
    if missing := [name for name in own if name not in weights]:
        raise SynthError(f"{where} lacks {list_names(missing)}", FOREIGN)
    if unknown := [name for name in weights if name not in own]:
        raise SynthError(f"{where} holds {list_names(unknown)}, which the model has not", FOREIGN)
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            shapes = f"{tuple(weights[name].shape)}, the model's is {tuple(tensor.shape)}"
            raise SynthError(f"`{name}` of {where} has the shape {shapes}", FOREIGN)


def list_names(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
