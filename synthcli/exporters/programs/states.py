"""A decoder's state as named tensors: what a step takes and gives."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synthcli.exporters.programs.form import BATCH, PAST, SOURCE, Port
from synthcli.model import State, flatten_state
from synthcli.model.state import map_state

POSITION, POSITIONS = "position", "past.positions"
# the axis along which a tensor of a state grows, by its last name
GROWS = {"values": 2, "memory": 1}


class Layout:
    """The tensors of a state, in an order and by name; `template` is a state after a few positions."""

    def __init__(self, template: State) -> None:
        self.template = template
        self.tensors = {name: t for name, t in flatten_state(template).items() if name != POSITION}

    @property
    def names(self) -> list[str]:
        return list(self.tensors)

    def axis_of(self, name: str) -> tuple[int, str] | None:
        """Return the free axis of a tensor besides the batch; sums and the c of a recurrence have none."""
        parts = name.split(".")
        axis = 2 if "keys" in parts else GROWS.get(parts[-1])
        return None if axis is None else (axis, SOURCE if "cross" in parts else PAST)

    def ports(self, sizes: Mapping[str, int]) -> list[Port]:
        """Return an input a tensor, with an example."""
        return [self._port(name, tensor, sizes) for name, tensor in self.tensors.items()]

    def _port(self, name: str, tensor: Tensor, sizes: Mapping[str, int]) -> Port:
        axis, shape, axes = self.axis_of(name), list(tensor.shape), {0: BATCH}
        shape[0] = sizes[BATCH]
        if axis is not None:
            axes[axis[0]], shape[axis[0]] = axis[1], sizes[axis[1]]
        example = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        initial = "empty" if axis is not None else "zeros"
        return Port(f"past.{name}", example, axes, None if "cross" in name.split(".") else initial)

    def before(self, tensors: Sequence[Tensor]) -> State:
        """Return the state of such tensors, after which one may stand that is as long as the text so far."""
        remaining = iter(tensors)
        state = map_state(self.template, lambda _: next(remaining))
        positions = next(remaining, None)
        position = self.position(tensors) if positions is None else positions.shape[0]
        return replace(state, position=position)

    def position(self, tensors: Sequence[Tensor]) -> int:
        """Return how many positions a state has seen; 0 where no tensor grows with them."""
        for name, tensor in zip(self.names, tensors, strict=True):
            axis = self.axis_of(name)
            if axis is not None and axis[1] == PAST:
                return tensor.shape[axis[0]]
        return 0

    def flat(self, state: State | None) -> list[Tensor]:
        """Return the tensors of a state in order."""
        return [tensor for name, tensor in flatten_state(state).items() if name != POSITION]
