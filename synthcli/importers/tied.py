"""Tied tensors: a file may hold one of them, or a copy under each of its names."""

from collections.abc import Mapping

import torch
from torch import Tensor

from synthcli.errors import SynthError


def without_copies(tensors: Mapping[str, Tensor], copies: Mapping[str, str]) -> dict[str, Tensor]:
    """Leave out each tensor that repeats another (`copies`: its name → the other's); they must be equal."""
    for name, original in copies.items():
        if name in tensors and original in tensors and not torch.equal(tensors[name], tensors[original]):
            raise SynthError(
                f"`{name}` differs from `{original}`, which the configuration ties to it",
                "if the model was trained untied, its `config.json` should say `tie_word_embeddings = false`",
            )
    return {name: tensor for name, tensor in tensors.items() if name not in copies}
