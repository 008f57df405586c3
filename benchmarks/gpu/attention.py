"""softmax(Q Kᵀ / √768) V of SRU++ Base, in the three forms of `dot_products.py`: one head, wider than flash
attention takes, on 4 windows of 1,024 and, with as much memory before them, a mask.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.gpu.clock import seconds
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row
from synthcli.model.mixers.dot_products import FORMS, Form

Shape = tuple[int, int, int, int]  # batch, queries, keys, d_head
SHAPES: tuple[Shape, ...] = ((4, 1024, 1024, 768), (4, 1024, 2048, 768))
QUICK_SHAPES: tuple[Shape, ...] = ((2, 32, 32, 48), (2, 32, 64, 48))
NEAR = 2e-2  # of bfloat16, relative to the largest value or gradient


def draw(shape: Shape, device: torch.device) -> tuple[list[Tensor], Tensor | None, Tensor]:
    """Return query, key and values, the mask of memory where there is one, and the gradient that comes in."""
    batch, queries, keys, d_head = shape
    g = torch.Generator(device).manual_seed(0)
    q, k, v, weight = (
        torch.randn(batch, 1, length, d_head, device=device, dtype=torch.bfloat16, generator=g)
        for length in (queries, keys, keys, queries)
    )
    mask = None
    if keys > queries:
        mask = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)[None, None]
    return [one.requires_grad_() for one in (q, k, v)], mask, weight


def gradients(form: Form, inputs: list[Tensor], mask: Tensor | None, weight: Tensor) -> list[Tensor]:
    """Return the output of a form and its gradients by query, key and values."""
    out = FORMS[form](*inputs, mask, 0.0, mask is None)
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), inputs)]


def run(bench: Bench) -> Iterator[Row]:
    """Time forward and backward of every form, and hold each against float64's formula."""
    for shape in SHAPES if bench.is_cuda else QUICK_SHAPES:
        inputs, mask, weight = draw(shape, bench.device)
        wide = [one.detach().double().requires_grad_() for one in inputs]
        exact = gradients("products", wide, mask, weight.double())
        for form in FORMS:
            pairs = zip(gradients(form, inputs, mask, weight), exact, strict=True)
            errors = [float((one.double() - want).abs().max() / want.abs().max()) for one, want in pairs]
            yield {
                "form": form,
                "result": PASSED if max(errors) <= NEAR else FAILED,
                "shape": shape,
                "mask": mask is not None,
                "milliseconds": milliseconds(form, inputs, mask, weight, bench.device),
                "largest_relative_error": round(max(errors), 5),
            }


def milliseconds(
    form: Form, inputs: list[Tensor], mask: Tensor | None, weight: Tensor, device: torch.device
) -> dict[str, float]:
    def forward() -> Tensor:
        return FORMS[form](*inputs, mask, 0.0, mask is None)

    def both() -> list[Tensor]:
        return gradients(form, inputs, mask, weight)

    taken = {"forward": seconds(forward, device), "forward and backward": seconds(both, device)}
    return {name: round(value * 1e3, 3) for name, value in taken.items()}
