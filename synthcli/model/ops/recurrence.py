"""The recurrence of SRU, sequential in time  (Lei et al. 2018, arXiv 1709.02755; Lei 2021, arXiv 2102.12459).

    f_t = σ(u1 + v_f c' + b_f)       r_t = σ(u2 + v_r c' + b_r)        c' = c_{t-1}
    c_t = f_t c' + (1 − f_t) u0      h_t = m r_t c_t + (1 − m r_t) x̃   (without x̃: h_t = m r_t c_t)

f and r read c', so there is no exact parallel scan; only c has to be computed step by step.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def recurrence(
    u: Float[Tensor, "batch length three width"],
    skip: Float[Tensor, "batch length width"] | None,
    initial: Float[Tensor, "batch width"],
    weight_c: Float[Tensor, "two width"],
    bias: Float[Tensor, "two width"],
    padding: Bool[Tensor, "batch length"] | None = None,
    starts: Bool[Tensor, "batch length"] | None = None,
    mask: Float[Tensor, "batch width"] | None = None,
) -> tuple[Float[Tensor, "batch length width"], Float[Tensor, "batch width"]]:
    """Return h and the last c; the state is at least float32.

    At `padding` h is 0 and c stays; c is forgotten before `starts`. `mask` is m, a dropout mask over time.
    """
    wide = torch.promote_types(u.dtype, torch.float32)
    u0, u1, u2 = u.to(wide).unbind(2)
    f_in = u1 + bias[0].to(wide)
    if padding is not None:
        f_in = f_in.masked_fill(padding[..., None], torch.inf)  # f = 1: c_t = c'
    states = _states(u0, f_in, initial.to(wide), weight_c[0].to(wide), starts)
    before = torch.cat((initial.to(wide)[:, None], states[:, :-1]), dim=1)
    if starts is not None:
        before = before.masked_fill(starts[..., None], 0.0)
    r = torch.sigmoid(torch.addcmul(u2 + bias[1].to(wide), weight_c[1].to(wide), before))
    r = r if mask is None else r * mask[:, None].to(wide)
    h = r * states if skip is None else torch.lerp(skip.to(wide), states, r)
    if padding is not None:
        h = h.masked_fill(padding[..., None], 0.0)
    return h.to(u.dtype), states[:, -1]


def _states(u0: Tensor, f_in: Tensor, c: Tensor, weight: Tensor, starts: Tensor | None) -> Tensor:
    """Return c_1 … c_T."""
    steps = [None] * u0.shape[1] if starts is None else starts.unbind(1)
    states = []
    for u0_t, f_t, start in zip(u0.unbind(1), f_in.unbind(1), steps, strict=True):
        if start is not None:
            c = c.masked_fill(start[:, None], 0.0)
        c = torch.lerp(u0_t, c, torch.sigmoid(torch.addcmul(f_t, weight, c)))
        states.append(c)
    return torch.stack(states, dim=1)
