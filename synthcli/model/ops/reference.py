"""SRU's recurrence in plain torch: what the native kernels are held against, and what runs without them."""

from typing import TypeVar

import torch
from torch import Tensor

from synthcli.model.ops.scanned import is_exporting, scanned_states

T = TypeVar("T", Tensor, Tensor | None)


def recurrence(
    u: Tensor,
    skip: Tensor | None,
    initial: Tensor,
    weight_c: Tensor,
    bias: Tensor,
    padding: Tensor | None,
    starts: Tensor | None,
    mask: Tensor | None,
    skip_scale: float,
    bidirectional: bool,
) -> tuple[Tensor, Tensor]:
    """Return h and the last c; arguments as those of `synthcli.model.ops.recurrence.recurrence`."""
    skip = u[:, :, 3] if u.shape[2] == 4 else skip
    skip = skip if skip is None or skip_scale == 1 else skip * skip_scale
    if not bidirectional:
        return one_direction(u, skip, initial, weight_c, bias, padding, starts, mask)
    half = u.shape[3] // 2
    results = []
    for direction, part in enumerate((slice(0, half), slice(half, None))):

        def flip(tensor: T, is_reverse: bool = direction == 1) -> T:
            return tensor.flip(1) if tensor is not None and is_reverse else tensor

        h, c = one_direction(
            flip(u[..., part]),
            flip(None if skip is None else skip[..., part]),
            initial[:, part],
            weight_c[:, part],
            bias[:, part],
            flip(padding),
            flip(None if starts is None else starts[direction]),
            None if mask is None else mask[:, part],
        )
        results.append((flip(h), c))
    return torch.cat([h for h, _ in results], -1), torch.cat([c for _, c in results], -1)


def one_direction(
    u: Tensor,
    skip: Tensor | None,
    initial: Tensor,
    weight_c: Tensor,
    bias: Tensor,
    padding: Tensor | None,
    starts: Tensor | None,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """f and r read c', so there is no exact parallel scan; only c has to be computed step by step."""
    wide = torch.promote_types(u.dtype, torch.float32)
    initial = initial.to(wide)
    u0, u1, u2 = u[:, :, :3].to(wide).unbind(2)
    f_in = u1 + bias[0].to(wide)
    if padding is not None:
        f_in = f_in.masked_fill(padding[..., None], torch.inf)  # f = 1: c_t = c'
    states = all_states(u0, f_in, initial, weight_c[0].to(wide), starts)
    before = torch.cat((initial[:, None], states[:, :-1]), dim=1)[:, : u.shape[1]]
    if starts is not None:
        before = before.masked_fill(starts[..., None], 0.0)
    r = torch.sigmoid(torch.addcmul(u2 + bias[1].to(wide), weight_c[1].to(wide), before))
    r = r if mask is None else r * mask[:, None].to(wide)
    h = r * states if skip is None else torch.lerp(skip.to(wide), states, r)
    if padding is not None:
        h = h.masked_fill(padding[..., None], 0.0)
    return h.to(u.dtype), states[:, -1] if u.shape[1] else initial.clone()


def all_states(u0: Tensor, f_in: Tensor, c: Tensor, weight: Tensor, starts: Tensor | None) -> Tensor:
    """Return c_1 … c_T."""
    if is_exporting() and starts is None:
        return scanned_states(u0, f_in, c, weight)
    if u0.shape[1] == 0:
        return u0
    steps = [None] * u0.shape[1] if starts is None else starts.unbind(1)
    states = []
    for u0_t, f_t, start in zip(u0.unbind(1), f_in.unbind(1), steps, strict=True):
        if start is not None:
            c = c.masked_fill(start[:, None], 0.0)
        c = torch.lerp(u0_t, c, torch.sigmoid(torch.addcmul(f_t, weight, c)))
        states.append(c)
    return torch.stack(states, dim=1)
