"""The model package: plain torch, no files, no devices. `build(config)` makes any of it."""

import torch
from torch import nn

from synthcli.model.initialise import initialise
from synthcli.model.stack import State
from synthcli.model.state import detach_state, flatten_state, select_state, unflatten_state
from synthcli.model.tasks import CausalLM, Classifier, LanguageModel, MaskedLM, Seq2Seq, TaskModel
from synthcli.model.uninitialised import DRAWING, FILLING, Uninitialised
from synthcli.model_config.model import ModelConfig

TASKS: dict[str, type[TaskModel]] = {
    "causal-lm": CausalLM,
    "masked-lm": MaskedLM,
    "seq2seq": Seq2Seq,
    "classification": Classifier,
}


def build(config: ModelConfig) -> TaskModel:
    """Build and initialise the model; under `torch.device("meta")` it costs no memory or time."""
    is_meta = torch.get_default_device().type == "meta"
    with Uninitialised(FILLING if is_meta else DRAWING):  # `initialise` draws all there is
        model = TASKS[config.task](config)
    if not is_meta:
        initialise(model, config.init)
    return model


def count_parameters(model: nn.Module, trainable_only: bool = False) -> int:
    """Count each parameter once, also where it is tied."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


__all__ = [
    "TASKS",
    "CausalLM",
    "Classifier",
    "LanguageModel",
    "MaskedLM",
    "ModelConfig",
    "Seq2Seq",
    "State",
    "TaskModel",
    "build",
    "count_parameters",
    "detach_state",
    "flatten_state",
    "initialise",
    "select_state",
    "unflatten_state",
]
