"""Tensors of a file that no part of ours is made of: each has a reason, and is checked before it is left."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from synthcli.errors import SynthError

Check = Callable[[Tensor], str | None]
MASKED = -1e4  # at most this hides a key: exp(-1e4) is 0 in float32 and float64


def _without_influence(tensor: Tensor) -> str | None:
    """The original's own model never reads it."""
    return None


@dataclass(frozen=True)
class Spare:
    """Tensors whose names match `names` are left because of `why`.

    `check` returns what contradicts that in a tensor, to follow its name; without one nothing can, since the
    original's own model never reads it.
    """

    names: str
    why: str
    check: Check = _without_influence

    @property
    def is_checked(self) -> bool:
        return self.check is not _without_influence


def match_rules(unread: Iterable[str], spares: Iterable[Spare]) -> dict[str, Spare]:
    """Return the rule of each name that has one."""
    rules = list(spares)
    found = {name: next((one for one in rules if re.search(one.names, name)), None) for name in unread}
    return {name: rule for name, rule in found.items() if rule is not None}


def check_spare(name: str, tensor: Tensor, rule: Spare) -> None:
    """Raise where a tensor contradicts the reason for leaving it."""
    is_broken = tensor.is_floating_point() and bool((tensor.isnan() | tensor.isposinf()).any())
    problem = "holds numbers that are not finite" if is_broken else rule.check(tensor)
    if problem is not None:
        raise SynthError(f"`{name}` {problem}", f"it would be left unread: {rule.why}")


def counts_up(tensor: Tensor) -> str | None:
    """Positions 0, 1, 2, … in a row of any shape."""
    found = tensor.flatten().to(torch.float64)
    wrong = torch.nonzero(found != torch.arange(len(found), dtype=torch.float64)).flatten()
    return (
        None
        if not len(wrong)
        else f"holds {found[wrong[0]]:g} as position {wrong[0]}, and ours counts 0, 1, 2"
    )


def is_zero(tensor: Tensor) -> str | None:
    """Nothing but zeros."""
    largest = tensor.abs().max().item() if tensor.numel() else 0
    return None if largest == 0 else f"holds numbers up to {largest:g}, and would act"


def is_causal_mask(tensor: Tensor) -> str | None:
    """Ones up to the diagonal and zeros beyond."""
    if tensor.ndim < 2 or tensor.shape[-1] != tensor.shape[-2]:
        return f"of shape {tuple(tensor.shape)} is no mask of queries and keys"
    found = tensor.reshape(-1, *tensor.shape[-2:]).to(torch.float64)
    wrong = torch.nonzero(found != torch.ones_like(found).tril())
    if not len(wrong):
        return None
    _, query, key = wrong[0].tolist()
    return f"holds {found[tuple(wrong[0])]:g} for query {query} and key {key}, which is no causal mask"


def hides(tensor: Tensor) -> str | None:
    """A score so low that its key is not seen."""
    largest = tensor.to(torch.float64).max().item() if tensor.numel() else 0.0
    return None if largest <= MASKED else f"is {largest:g}, a score that does not hide a key"


def is_identity(tensor: Tensor) -> str | None:
    """The identity matrix."""
    if tensor.ndim == 2 and torch.equal(tensor, torch.eye(*tensor.shape, dtype=tensor.dtype)):
        return None
    return f"of shape {tuple(tensor.shape)} is not the identity"
