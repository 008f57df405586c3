"""softmax(Q Kᵀ / √d_head + mask) V in one of three forms, which compute the same function.

`fused`: torch chooses its kernel. `math`: torch's formula behind the same call. `products`: ours, two
products and a softmax. Where heads are wider than flash kernels take, as SRU++'s one head of 768, another may
be faster than the kernel that torch is left with: `WIDE_FORM` says which runs there, on a GPU.
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from synthcli.model.mixers.weighted_values import attend_fused as torchs_choice
from synthcli.model.mixers.weighted_values import general

Form = Literal["fused", "math", "products"]
Arguments = tuple[Tensor, Tensor, Tensor, Tensor | None, float, bool]

FLASH_WIDTH = 256  # the widest head that torch's flash attention takes
WIDE_FORM: Form = "fused"  # no GPU has timed them beside each other yet


def attend_fused(
    query: Float[Tensor, "batch heads queries d_head"],
    key: Float[Tensor, "batch heads keys d_head"],
    values: Float[Tensor, "batch heads keys d_head"],
    mask: Tensor | None,
    rate: float,
    is_causal: bool,
) -> Float[Tensor, "batch heads queries d_head"]:
    """Return the values that queries attend to.

    `mask` is True where a key is seen, or is added to the scores (0 or -inf); `is_causal` stands for one that
    is only causal, and queries and keys are then as many. `rate` is that of dropout on the weights.
    """
    return FORMS[form_for(query)](query, key, values, mask, rate, is_causal)


def form_for(query: Tensor) -> Form:
    """Return the form by the width of heads and the device."""
    return WIDE_FORM if query.device.type == "cuda" and query.shape[-1] > FLASH_WIDTH else "fused"


def _math(*arguments: *Arguments) -> Tensor:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH):
        return torchs_choice(*arguments)


def _products(
    query: Tensor, key: Tensor, values: Tensor, mask: Tensor | None, rate: float, is_causal: bool
) -> Tensor:
    logits = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-2, -1))
    if is_causal:
        mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=query.device).tril()[None, None]
    elif mask is not None and mask.dtype != torch.bool:
        mask = mask == 0
    return general(logits, values, mask, rate)


FORMS: dict[Form, Callable[[*Arguments], Tensor]] = {
    "fused": torchs_choice,
    "math": _math,
    "products": _products,
}
