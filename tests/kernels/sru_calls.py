"""Call a native recurrence on tensors of the CPU, and what it shall return: the equations, in float64.

f = σ(u1 + v_f c' + b_f)    r = σ(u2 + v_r c' + b_r)    c = f c' + (1 − f) u0    h = m r c + (1 − m r) s x̃
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from synthcli.kernels.abi import ABI, DTYPES, Problem
from synthcli.kernels.library import Library

LEAVES = ("u", "skip", "initial", "weight_c", "bias")


@dataclass(frozen=True)
class Given:
    """What a call reads: u (batch, length, parts, width), skip x̃, starts (directions, batch, length)."""

    u: Tensor
    skip: Tensor | None
    initial: Tensor
    weight_c: Tensor
    bias: Tensor
    padding: Tensor | None = None
    starts: Tensor | None = None
    mask: Tensor | None = None
    skip_scale: float = 1.0
    bidirectional: bool = False

    def but(self, change: Any) -> "Given":
        """Return the same with every tensor changed."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(name, t) for name, t in own.items() if isinstance(t, Tensor)})

    def leaves(self) -> list[Tensor]:
        return [t for t in (getattr(self, name) for name in LEAVES) if t is not None]


@dataclass(frozen=True)
class Results:
    """h, the last c, and the gradients by u, skip, initial, weight_c and bias."""

    h: Tensor
    last: Tensor
    gradients: list[Tensor]

    def all(self) -> list[Tensor]:
        return [self.h, self.last, *self.gradients]


def draw(
    dtype: torch.dtype = torch.float64,
    *,
    batch: int = 3,
    length: int = 11,
    width: int = 6,
    parts: int = 3,
    skips: bool = True,
    options: Sequence[str] = (),
    seed: int = 0,
) -> Given:
    """Draw a problem; options: `padding starts mask scale bidirectional`."""
    g = torch.Generator().manual_seed(seed)
    wide = torch.promote_types(dtype, torch.float32)
    bidirectional = "bidirectional" in options

    def normal(*shape: int, scale: float = 1.0, dtype: torch.dtype = dtype) -> Tensor:
        return (torch.randn(shape, generator=g, dtype=torch.float64) * scale).to(dtype)

    def some(*shape: int) -> Tensor:
        return torch.rand(shape, generator=g) < 0.3

    return Given(
        normal(batch, length, parts, width, scale=1.5),
        normal(batch, length, width) if skips and parts == 3 else None,
        normal(batch, width, dtype=wide),
        normal(2, width, scale=0.5, dtype=wide),  # more, and a column amplifies any rounding
        normal(2, width, dtype=wide),
        some(batch, length) if "padding" in options else None,
        some(1 + bidirectional, batch, length) if "starts" in options else None,
        2.0 * some(batch, width).to(wide) if "mask" in options else None,
        1.25 if "scale" in options else 1.0,
        bidirectional,
    )


def by_the_equations(given: Given) -> tuple[Tensor, Tensor]:
    """Return h and the last c, each direction by itself."""
    half = given.u.shape[3] // (1 + given.bidirectional)
    results = [
        one_direction(given, direction, slice(direction * half, (direction + 1) * half))
        for direction in range(1 + given.bidirectional)
    ]
    return torch.cat([h for h, _ in results], -1), torch.cat([c for _, c in results], -1)


def one_direction(given: Given, direction: int, columns: slice) -> tuple[Tensor, Tensor]:
    length, c = given.u.shape[1], given.initial[:, columns]
    (v_f, v_r), (b_f, b_r) = given.weight_c[:, columns], given.bias[:, columns]
    m = 1.0 if given.mask is None else given.mask[:, columns]
    hs = [torch.zeros_like(c)] * length
    for t in reversed(range(length)) if direction else range(length):
        u = given.u[:, t, :, columns].unbind(1)
        if given.starts is not None:
            c = torch.where(given.starts[direction, :, t, None], 0.0, c)
        f, r = torch.sigmoid(u[0 + 1] + v_f * c + b_f), m * torch.sigmoid(u[2] + v_r * c + b_r)
        after = f * c + (1 - f) * u[0]
        skip = u[3] if len(u) == 4 else None if given.skip is None else given.skip[:, t, columns]
        h = r * after if skip is None else r * after + (1 - r) * given.skip_scale * skip
        stays = torch.zeros(len(c), 1, dtype=torch.bool)
        stays = stays if given.padding is None else given.padding[:, t, None]
        hs[t], c = torch.where(stays, 0.0, h), torch.where(stays, c, after)
    return torch.stack(hs, 1) if hs else given.u[:, :, 0, columns], c


def results_of(given: Given, grad_h: Tensor, grad_last: Tensor, function: Any = by_the_equations) -> Results:
    """Return what a function of the problem returns, and its gradients by autograd."""
    given = given.but(lambda name, t: t.detach().clone().requires_grad_() if name in LEAVES else t)
    h, last = function(given)
    by = (grad_h.to(h.dtype), grad_last.to(last.dtype))
    grads = torch.autograd.grad((h, last), given.leaves(), by, materialize_grads=True)
    return Results(h.detach(), last.detach(), list(grads))


# ---------------------------------------------------------------- calls


def fill(problem: Problem, name: str, tensor: Tensor | None, *axes: str) -> None:
    """Set an address, and the strides of the leading axes."""
    if tensor is None:
        return
    setattr(problem, name, tensor.data_ptr())
    for axis, stride in zip(axes, tensor.stride(), strict=False):
        setattr(problem, f"{name}_{axis}", stride)


def problem_of(given: Given) -> Problem:
    problem = Problem(abi=ABI, dtype=DTYPES[str(given.u.dtype).removeprefix("torch.")])
    problem.batch, problem.length, problem.parts, problem.width = given.u.shape
    problem.bidirectional, problem.skip_scale = given.bidirectional, given.skip_scale
    fill(problem, "u", given.u, "batch", "time", "part")
    fill(problem, "skip", given.skip, "batch", "time")
    for name in ("initial", "weight_c", "bias", "padding", "starts", "mask"):
        fill(problem, name, getattr(given, name))
    return problem


def like(tensor: Tensor) -> Tensor:
    """Return memory of the same strides, full of NaN: all of it has to be written."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).fill_(torch.nan)


def call(
    library: Library, given: Given, grad_h: Tensor, grad_last: Tensor, where: Sequence[Any] = (0, None)
) -> Results:
    """Run forward and backward of a library."""
    problem, kept = problem_of(given), []
    batch, length, _, width = given.u.shape
    wide = given.initial.dtype
    chunks = -(-length // library.checkpoint_every)

    def output(name: str, tensor: Tensor, *axes: str) -> Tensor:
        kept.append(tensor)
        fill(problem, name, tensor, *axes)
        return tensor

    h = output("h", like(given.u[:, :, 0]), "batch", "time")
    last = output("last", like(given.initial))
    output("checkpoints", torch.full((chunks, batch, width), torch.nan, dtype=wide))
    library.run(library.forward, problem, *where)
    fill(problem, "grad_h", grad_h, "batch", "time")
    fill(problem, "grad_last", grad_last)
    by_u = output("grad_u", like(given.u), "batch", "time", "part")
    by_skip = None if given.skip is None else output("grad_skip", like(given.skip), "batch", "time")
    by_initial = output("grad_initial", like(given.initial))
    gates = output("grad_gates", torch.full((batch, 4, width), torch.nan, dtype=wide))
    library.run(library.backward, problem, *where)
    total = gates.sum(0)
    grads = [by_u, by_skip, by_initial, total[:2], total[2:]]
    return Results(h, last, [g for g in grads if g is not None])
