"""Initial values by name: of the same name, shape and seed, a tensor is drawn alike in every model.

So two models of a comparison that share a part begin with the same part, whatever else they have.
`initialise` draws every tensor; what torch's modules would draw before is skipped.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from synthcli.model.uninitialised import DRAWING


@contextmanager
def draw_by_name(model: nn.Module) -> Iterator[None]:
    """Let draws into a model's tensors start from seeds of their own: of torch's seed and the tensor's name.

    Torch's generator is left where one draw leaves it, whatever the model.
    """
    mode = _DrawnByName(model, base=int(torch.randint(2**62, ())))
    after = torch.get_rng_state()
    try:
        with mode:
            yield
    finally:
        torch.set_rng_state(after)


class _DrawnByName(TorchFunctionMode):
    def __init__(self, model: nn.Module, base: int) -> None:
        super().__init__()
        self.base = base
        tensors = (*model.named_parameters(), *model.named_buffers())
        self.names = {id(tensor): name for name, tensor in tensors}

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[Tensor, ...] = (),
        kwargs: Mapping[str, Tensor] | None = None,
    ) -> object:
        if func in DRAWING:
            self.seed_for(args[0] if args else (kwargs or {})["tensor"])
        return func(*args, **(kwargs or {}))

    def seed_for(self, tensor: Tensor) -> None:
        """Seed torch for a draw into a tensor; what `orthogonal_` draws has no name, and goes on."""
        name = self.names.get(id(tensor))
        if name is not None:
            digest = hashlib.blake2b(f"{self.base}/{name}".encode(), digest_size=8).digest()
            # `torch.manual_seed` would seed every kind of device, each call with a stack of its own
            torch.default_generator.manual_seed(int.from_bytes(digest))
