"""How large a model is: recorded of the library in `sizes.json`, built on the meta device of any other.

`python -m tests.presets.record_sizes` writes the record anew; a test builds every model of it.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.errors import SynthError

if TYPE_CHECKING:
    from torch import nn

    from synthcli.model_config.model import ModelConfig

RECORD = Path(__file__).with_name("sizes.json")


@dataclass(frozen=True)
class Size:
    """Parameters of a model, each tied matrix once; `embedding` holds token and position tables.

    `encoder` and `decoder` are the parameters of the stacks, 0 where there is none.
    """

    total: int
    trainable: int
    embedding: int
    encoder: int
    decoder: int


@cache
def measure_model(text: str) -> Size:
    """Return the size of a model, its configuration given as JSON."""
    from synthcli.model_config.model import ModelConfig

    return read_recorded_sizes().get(key_of(text)) or count_config_parameters(
        ModelConfig.model_validate_json(text)
    )


@cache
def read_recorded_sizes() -> dict[str, Size]:
    """Return the sizes of the record, by the key of a model's configuration or of a whole preset."""
    record: dict[str, list[int]] = json.loads(RECORD.read_bytes())
    return {key: Size(*figures) for key, figures in record.items()}


def key_of(text: str) -> str:
    """Return what stands for a text in the record."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def count_config_parameters(config: "ModelConfig") -> Size:
    """Build a model without memory or numbers, and count its parameters."""
    import torch
    from torch import nn

    from synthcli.model import TASKS, count_parameters
    from synthcli.model.uninitialised import Uninitialised

    with torch.device("meta"), Uninitialised(), sizes_refused():
        model: nn.Module = TASKS[config.task](config)
    tables = {module.weight for module in model.modules() if isinstance(module, nn.Embedding)}
    return Size(
        total=count_parameters(model),
        trainable=count_parameters(model, trainable_only=True),
        embedding=sum(table.numel() for table in tables),
        encoder=stack_size(model, "encoder"),
        decoder=stack_size(model, "decoder"),
    )


def stack_size(model: "nn.Module", name: str) -> int:
    """Count the parameters of a stack, 0 where a model has none of that name."""
    stack = getattr(model, name, None)
    return 0 if stack is None else sum(p.numel() for p in stack.parameters())


@contextmanager
def sizes_refused() -> Iterator[None]:
    """Turn a tensor of more elements than torch can count into a mistake of the preset."""
    try:
        yield
    except (RuntimeError, OverflowError, TypeError) as error:
        message = "`[model]` asks for tensors too large to be"
        raise SynthError(message, "lower `d_model`, `d_ff`, `vocab_size`, layers or lengths") from error
