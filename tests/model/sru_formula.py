"""SRU's recurrence and its gradients, one number at a time.

f = σ(u1 + v_f c' + b_f)    r = σ(u2 + v_r c' + b_r)    c = f c' + (1 − f) u0    h = m r c + (1 − m r) x̃
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Given:
    """What a direction reads: u (batch, length, 3, width), skip x̃ or None, and masks."""

    u: Tensor
    skip: Tensor | None
    initial: Tensor
    weight_c: Tensor
    bias: Tensor
    padding: Tensor | None = None
    starts: Tensor | None = None
    mask: Tensor | None = None

    def arguments(self) -> tuple[Tensor | None, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def with_gradients(self) -> "Given":
        names = ("u", "skip", "initial", "weight_c", "bias")
        own = {name: getattr(self, name) for name in names}
        leaves = {n: t.detach().clone().requires_grad_() for n, t in own.items() if t is not None}
        return replace(self, **leaves)

    def detached(self) -> "Given":
        tensors = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Given(**{name: None if t is None else t.detach() for name, t in tensors.items()})

    def leaves(self) -> list[Tensor]:
        return [t for t in (self.u, self.skip, self.initial, self.weight_c, self.bias) if t is not None]


def one_column(given: Given, b: int, j: int) -> tuple[list[Tensor], Tensor]:
    """Return h_1 … h_T and the last c."""
    c, hs = given.initial[b, j], []
    m = 1.0 if given.mask is None else given.mask[b, j]
    for t in range(given.u.shape[1]):
        if given.starts is not None and given.starts[b, t]:
            c = 0 * c
        if given.padding is not None and given.padding[b, t]:
            hs.append(0 * c)
            continue
        u0, u1, u2 = given.u[b, t, :, j]
        f = 1 / (1 + torch.exp(-(u1 + given.weight_c[0, j] * c + given.bias[0, j])))
        r = 1 / (1 + torch.exp(-(u2 + given.weight_c[1, j] * c + given.bias[1, j])))
        c = f * c + (1 - f) * u0
        hs.append(m * r * c + (0.0 if given.skip is None else (1 - m * r) * given.skip[b, t, j]))
    return hs, c


def by_the_formula(given: Given) -> tuple[Tensor, Tensor]:
    """Return h (batch, length, width) and the last c (batch, width)."""
    batch, length, _, width = given.u.shape
    columns = [[one_column(given, b, j) for j in range(width)] for b in range(batch)]
    h = torch.stack(
        [
            torch.stack([torch.stack([columns[b][j][0][t] for j in range(width)]) for t in range(length)])
            for b in range(batch)
        ]
    )
    return h, torch.stack([torch.stack([columns[b][j][1] for j in range(width)]) for b in range(batch)])


def gradients_by_hand(given: Given, gh: Tensor, last: Tensor) -> list[Tensor]:
    """Return the gradients of Σ gh h + Σ last c_T by u, x̃, c_0, v and b, backwards in time.

    gg2 = gh (c − x̃) m r (1 − r)      gc = gh m r + cur      gg1 = gc (c' − u0) f (1 − f)
    dU = [gc (1 − f), gg1, gg2]       dx̃ = gh (1 − r m)      cur = gc f + gg1 v_f + gg2 v_r
    """
    given = given.detached()
    u, v, bias = given.u, given.weight_c, given.bias
    du, dx, dc = torch.zeros_like(u), torch.zeros_like(gh), torch.zeros_like(last)
    dv, db = torch.zeros_like(v), torch.zeros_like(bias)
    batch, length, _, width = u.shape
    for b in range(batch):
        for j in range(width):
            m = 1.0 if given.mask is None else float(given.mask[b, j])
            c, before, states = float(given.initial[b, j]), [], []
            for t in range(length):
                before.append(c)
                f = _sigmoid(float(u[b, t, 1, j] + v[0, j] * c + bias[0, j]))
                c = f * c + (1 - f) * float(u[b, t, 0, j])
                states.append(c)
            cur = float(last[b, j])
            for t in reversed(range(length)):
                u0, u1, u2 = u[b, t, :, j].tolist()
                past, g = before[t], float(gh[b, t, j])
                f = _sigmoid(u1 + float(v[0, j]) * past + float(bias[0, j]))
                r = _sigmoid(u2 + float(v[1, j]) * past + float(bias[1, j]))
                x = 0.0 if given.skip is None else float(given.skip[b, t, j])
                gg2 = g * (states[t] - x) * m * r * (1 - r)
                gc = g * m * r + cur
                gg1 = gc * (past - u0) * f * (1 - f)
                du[b, t, :, j] = torch.tensor([gc * (1 - f), gg1, gg2], dtype=u.dtype)
                dx[b, t, j] = g * (1 - r * m)
                cur = gc * f + gg1 * float(v[0, j]) + gg2 * float(v[1, j])
                dv[:, j] += torch.tensor([gg1 * past, gg2 * past], dtype=u.dtype)
                db[:, j] += torch.tensor([gg1, gg2], dtype=u.dtype)
            dc[b, j] = cur
    return [du, *([] if given.skip is None else [dx]), dc, dv, db]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
