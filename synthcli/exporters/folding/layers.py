"""The self-mixers of a model, and configurations in which every layer has its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from synthcli.config import Config
from synthcli.model import ModelConfig
from synthcli.model.blocks import Block
from synthcli.model.interface import get_stack
from synthcli.model_config.mixers import MixerConfig

Place = tuple[str, int]  # a stack and a layer


@dataclass(frozen=True)
class Layer:
    """One block of a stack, with its configuration of the self-mixer."""

    stack: str
    number: int
    layers: int
    config: MixerConfig
    block: Block

    @property
    def place(self) -> Place:
        return self.stack, self.number


def iterate_layers(config: ModelConfig, model: nn.Module) -> Iterator[Layer]:
    """Yield every block of every stack."""
    for stack, number, mixer in config.mixers():
        blocks = get_stack(model, stack).blocks
        yield Layer(stack, number, len(blocks), mixer, blocks[number])


def set_layer_mixers(config: ModelConfig, mixers: Mapping[Place, Config]) -> ModelConfig:
    """Return the configuration with the self-mixers of single layers changed."""
    table = config.model_dump()
    for (stack, number), mixer in mixers.items():
        table[stack]["layer_mixers"][number] = mixer.model_dump()
    for stack in {stack for stack, _ in mixers}:
        own = table[stack]["layer_mixers"]
        tables = list(own.values())
        # where all layers are alike, the stack says it once
        if len(own) == table[stack]["layers"] and all(one == tables[0] for one in tables):
            table[stack] |= {"mixer": tables[0], "layer_mixers": {}}
    return ModelConfig.model_validate(table)


def with_values(config: ModelConfig, **values: object) -> ModelConfig:
    """Return the configuration with some values changed; a table is merged into the one there."""
    table = config.model_dump()
    for name, value in values.items():
        table[name] = table[name] | value if isinstance(value, dict) else value
    return ModelConfig.model_validate(table)


def format_places(places: list[Place]) -> str:
    """Return `encoder 0, 1, decoder 0`."""
    parts = []
    for stack in dict.fromkeys(stack for stack, _ in places):
        numbers = ", ".join(str(number) for name, number in places if name == stack)
        parts.append(f"{stack} {numbers}")
    return "; ".join(parts)
