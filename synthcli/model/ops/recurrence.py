"""The recurrence of SRU, sequential in time  (Lei et al. 2018, arXiv 1709.02755; Lei 2021, arXiv 2102.12459).

    f_t = σ(u1 + v_f c' + b_f)       r_t = σ(u2 + v_r c' + b_r)        c' = c_{t-1}
    c_t = f_t c' + (1 − f_t) u0      h_t = m r_t c_t + (1 − m r_t) x̃   (without x̃: h_t = m r_t c_t)

One function, two implementations: `reference` in plain torch, and `native`, the kernels of `kernels/`.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from synthcli.model.ops import reference
from synthcli.model.ops.dispatch import uses_kernels
from synthcli.model.ops.scanned import is_exporting

TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def recurrence(
    u: Float[Tensor, "batch length parts width"],
    skip: Float[Tensor, "batch length width"] | None,
    initial: Float[Tensor, "batch width"],
    weight_c: Float[Tensor, "two width"],
    bias: Float[Tensor, "two width"],
    padding: Bool[Tensor, "batch length"] | None = None,
    starts: Bool[Tensor, "*directions batch length"] | None = None,
    mask: Float[Tensor, "batch width"] | None = None,
    *,
    skip_scale: float = 1.0,
    bidirectional: bool = False,
) -> tuple[Float[Tensor, "batch length width"], Float[Tensor, "batch width"]]:
    """Return h in the type of u, and the last c, which is at least float32.

    u holds u0, u1, u2 and, where `skip` is None and it has four parts, x̃ = `skip_scale` · u3; else x̃ is
    `skip_scale` · `skip`, or absent. At `padding` h is 0 and c stays; c is forgotten before `starts`. `mask`
    is m, a dropout mask over time. Where `bidirectional`, the second half of the columns runs from the last
    position to the first, with `starts` of its own: (2, batch, length). Raises ValueError where sizes, types
    or devices do not fit.
    """
    check_inputs(u, skip, initial, weight_c, bias, padding, starts, mask, bidirectional)
    if is_exporting() or not uses_kernels(
        u.device.type, u.device.index
    ):  # a program that leaves finds no kernels
        return reference.recurrence(
            u, skip, initial, weight_c, bias, padding, starts, mask, skip_scale, bidirectional
        )
    from synthcli.model.ops.native import sru  # models without a recurrence do without its operators

    wide = torch.promote_types(u.dtype, torch.float32)
    skip = None if skip is None else skip.to(u.dtype)
    mask = None if mask is None else mask.to(wide)
    parameters = (initial.to(wide), weight_c.to(wide), bias.to(wide))
    tensors = (u, skip, *parameters)
    keeps = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    h, last, _ = sru(u, skip, *parameters, padding, starts, mask, skip_scale, bidirectional, keeps)
    return h, last


def check_inputs(
    u: Tensor,
    skip: Tensor | None,
    initial: Tensor,
    weight_c: Tensor,
    bias: Tensor,
    padding: Tensor | None,
    starts: Tensor | None,
    mask: Tensor | None,
    bidirectional: bool,
) -> None:
    """Raise ValueError where a shape, type or device does not fit u's."""
    if u.dim() != 4 or u.shape[2] not in (3, 4):
        raise ValueError(f"u is (batch, length, 3 or 4, width), got {tuple(u.shape)}")
    if u.dtype not in TYPES:
        raise ValueError(f"u holds floating-point numbers of 16, 32 or 64 bits, got {u.dtype}")
    batch, length, parts, width = u.shape
    if skip is not None and parts == 4:
        raise ValueError("u has four parts, the fourth of which is skipped, and `skip` is given too")
    if bidirectional and width % 2:
        raise ValueError(f"`bidirectional` halves the width, and {width} is odd")
    of_starts = (2, batch, length) if bidirectional else (batch, length)
    wanted = {
        "skip": (skip, (batch, length, width)),
        "initial": (initial, (batch, width)),
        "weight_c": (weight_c, (2, width)),
        "bias": (bias, (2, width)),
        "padding": (padding, (batch, length)),
        "starts": (starts, of_starts),
        "mask": (mask, (batch, width)),
    }
    for name, (tensor, shape) in wanted.items():
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise ValueError(f"`{name}` is {shape} for u of {tuple(u.shape)}, got {tuple(tensor.shape)}")
        if tensor.device != u.device:
            raise ValueError(f"`{name}` is on {tensor.device}, and u on {u.device}")
        is_flag = name in ("padding", "starts")
        if is_flag != (tensor.dtype == torch.bool) or not (is_flag or tensor.dtype.is_floating_point):
            kind = "True or False" if is_flag else "floating-point numbers"
            raise ValueError(f"`{name}` holds {kind}, got {tensor.dtype}")
