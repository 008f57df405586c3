"""The linear maps of blocks under a GPU's autocast: cast at once, those of one input made one product.

Autocast casts each weight and bias by itself, and each gradient back: more launches than all products.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthcli.model.autograd import FunctionContext
from synthcli.model.launches import counts_launches

Mapped = Mapping[nn.Module, Tensor]  # what maps have made of an input
NOTHING: Mapped = MappingProxyType({})
NAMES = ("weight", "bias")


def read_map(module: nn.Module, x: Tensor, done: Mapped) -> Tensor:
    """Return module(x), which may be done already."""
    y: Tensor = done[module] if module in done else module(x)
    return y


@dataclass(frozen=True)
class JoinedMaps:
    """Maps of one input, and their rows under each other in the type that products have."""

    maps: tuple[nn.Linear, ...]
    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Mapped:
        """Return what each map makes of x."""
        y = F.linear(x, self.weight, self.bias)
        parts = y.split_with_sizes([one.out_features for one in self.maps], dim=-1)
        return dict(zip(self.maps, parts, strict=True))


class Joining(nn.Module):
    """A module with maps that read one input; `joined` is set while they lie in one matrix."""

    joined: JoinedMaps | None = None

    def maps_of_one_input(self) -> tuple[nn.Module, ...]:
        """Return the maps that may be joined, in the order of their rows."""
        raise NotImplementedError


@contextmanager
def cast_together(blocks: nn.Module, x: Tensor) -> Iterator[None]:
    """Give the linear maps of blocks the type that autocast's products of x have, by one operation."""
    dtype = products_dtype(x)
    owners = {} if dtype is None else _maps_by_owner(blocks)
    if dtype is None or not owners:
        yield
        return
    kept = {one: dict(one._parameters) for one in owners if not isinstance(one, Joining)}
    try:
        for owner, joined in zip(owners, cast_groups(owners.values(), dtype), strict=True):
            if isinstance(owner, Joining):
                owner.joined = joined
            else:
                lent = {"weight": joined.weight, "bias": joined.bias}
                owner._parameters |= lent  # type: ignore[arg-type]  # tensors stand where parameters do
        yield
    finally:
        for owner in owners:
            if isinstance(owner, Joining):
                owner.joined = None
            else:
                owner._parameters |= kept[owner]


def products_dtype(x: Tensor) -> torch.dtype | None:
    """Return the type that autocast gives to products of x, where casts are launches; else None."""
    if not counts_launches(x) or not torch.is_autocast_enabled(x.device.type) or x.dtype == torch.float64:
        return None
    return torch.get_autocast_dtype(x.device.type)


def _maps_by_owner(blocks: nn.Module) -> dict[nn.Module, tuple[nn.Linear, ...]]:
    """Return the joined maps of blocks by the module that joins them, and each other map by itself."""
    modules = list(blocks.modules())
    maps = [one for one in modules if isinstance(one, nn.Linear) and is_castable(one)]
    owners: dict[nn.Module, tuple[nn.Linear, ...]] = {}
    for one in modules:
        if isinstance(one, Joining):
            wanted = one.maps_of_one_input()
            found = tuple(sorted((m for m in maps if m in wanted), key=wanted.index))
            owners |= {one: found} if len(found) > 1 else {}
    joined = {one for found in owners.values() for one in found}
    return owners | {one: (one,) for one in maps if one not in joined}


def is_castable(module: nn.Linear) -> bool:
    """Return whether a map is a plain one whose parameters are whole, and which nothing watches."""
    weight = module._parameters.get("weight")
    sizes = (module.out_features, module.in_features)
    is_whole = weight is not None and weight.is_floating_point() and weight.shape == sizes
    is_watched = bool(module._forward_hooks or module._forward_pre_hooks)
    return is_whole and type(module).forward is nn.Linear.forward and not is_watched


def cast_groups(groups: Iterable[tuple[nn.Linear, ...]], dtype: torch.dtype) -> list[JoinedMaps]:
    """Return the maps of each group in one matrix, all of them made by one operation."""
    groups = list(groups)
    rows = [tuple(one.out_features for one in maps) for maps in groups for _ in NAMES]
    parts = [one._parameters[name] for maps in groups for name in NAMES for one in maps]
    stacks = _cast(dtype, rows, *parts)
    joined = []
    for maps, weight, bias in zip(groups, stacks[::2], stacks[1::2], strict=True):
        assert weight is not None  # as every map has one
        joined.append(JoinedMaps(maps, weight, bias))
    return joined


class _CastContext(FunctionContext, Protocol):
    rows: list[tuple[int, ...]]
    types: list[torch.dtype | None]


class _Cast(torch.autograd.Function):
    """Stacks of tensors in another type; a part that is absent is zeros, a stack of none None.

    `rows` says of every stack how many rows its parts have.
    """

    @staticmethod
    def forward(
        ctx: _CastContext, dtype: torch.dtype, rows: list[tuple[int, ...]], *parts: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        ctx.set_materialize_grads(False)
        ctx.rows, ctx.types = rows, [None if part is None else part.dtype for part in parts]
        stacks: list[Tensor | None] = []
        views: list[Tensor | None] = []
        for counts in rows:
            own = parts[len(views) : len(views) + len(counts)]
            stacks.append(_empty_stack(own, counts, dtype))
            views += _split_rows(stacks[-1], counts)
        _copy_pairs(views, parts)
        return tuple(stacks)

    @staticmethod
    def backward(ctx: _CastContext, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        parts = [
            part for counts, grad in zip(ctx.rows, grads, strict=True) for part in _split_rows(grad, counts)
        ]
        needed = zip(parts, ctx.types, ctx.needs_input_grad[2:], strict=True)
        wanted = [part if dtype is not None and needs else None for part, dtype, needs in needed]
        if torch.is_grad_enabled():  # what is differentiated again
            by = [t if t is None else t.to(dtype) for t, dtype in zip(wanted, ctx.types, strict=True)]
            return None, None, *by
        types = zip(wanted, ctx.types, strict=True)
        results = [t if t is None else torch.empty_like(t, dtype=dtype) for t, dtype in types]
        _copy_pairs(results, wanted)
        return None, None, *results


_cast: Callable[..., tuple[Tensor | None, ...]] = _Cast.apply


def _empty_stack(
    parts: tuple[Tensor | None, ...], rows: tuple[int, ...], dtype: torch.dtype
) -> Tensor | None:
    present = [part for part in parts if part is not None]
    if not present:
        return None
    make = present[0].new_empty if len(present) == len(parts) else present[0].new_zeros
    return make((sum(rows), *present[0].shape[1:]), dtype=dtype)


def _split_rows(stack: Tensor | None, rows: tuple[int, ...]) -> Iterable[Tensor | None]:
    if stack is None or len(rows) == 1:
        return [stack] * len(rows)
    return stack.split_with_sizes(rows)


def _copy_pairs(targets: Sequence[Tensor | None], sources: Sequence[Tensor | None]) -> None:
    """Copy each source to its target, whatever their types, by one operation; what is absent is left out."""
    pairs = [(to, of) for to, of in zip(targets, sources, strict=True) if to is not None and of is not None]
    if pairs:
        torch._foreach_copy_([to for to, _ in pairs], [of for _, of in pairs])
