"""What a whole model offers beside its forward, asked of any module that may be one."""

from typing import Protocol, runtime_checkable

from torch import nn

from synthcli.model.stack import Stack, State
from synthcli.model_config.model import ModelConfig


@runtime_checkable
class Decoder(Protocol):
    """A model that goes on from a state."""

    def initial_state(self) -> State: ...


def get_config(model: nn.Module) -> ModelConfig:
    """Return the configuration of a whole model; a part of one has none."""
    config = model.config
    assert isinstance(config, ModelConfig), f"a {type(model).__name__} has no configuration of a whole model"
    return config


def get_stack(model: nn.Module, name: str) -> Stack:
    """Return the `encoder` or the `decoder` of a model."""
    stack = model.get_submodule(name)
    assert isinstance(stack, Stack)
    return stack


def get_initial_state(model: nn.Module) -> State:
    """Return the state of a decoder before the first position."""
    assert isinstance(model, Decoder), f"a {type(model).__name__} keeps no state"
    return model.initial_state()
