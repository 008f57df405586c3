"""The recurrence as one loop of a program that leaves: torch's `scan`, which ONNX has too, for any length.

A loop of Python would be unrolled at the length of the example.
"""

import torch
from torch import Tensor

is_exporting = getattr(torch.compiler, "is_exporting", lambda: False)


def scanned_states(u0: Tensor, f_in: Tensor, c: Tensor, weight: Tensor) -> Tensor:
    """Return c_1 … c_T, as `reference.all_states` does."""
    from torch._higher_order_ops.scan import scan

    def step(c: Tensor, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        u0_t, f_t = inputs
        new = torch.lerp(u0_t, c, torch.sigmoid(torch.addcmul(f_t, weight, c)))
        return new, new.clone()

    _, states = scan(step, c.contiguous(), (u0.transpose(0, 1), f_in.transpose(0, 1)))
    return states.transpose(0, 1)
