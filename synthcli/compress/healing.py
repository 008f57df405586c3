"""Healing: a compressed model trained as a whole towards its teacher, at every real position.

L = Σ_positions τ² KL(p_τ‖q_τ) + w Σ_layers Σ_positions ‖ĥ − h‖² / ‖h‖²

Of an encoder that came without a head the first sum is left out: it has no p.

p_τ and q_τ are softmax(logits / τ) of teacher and student  (Hinton et al. 2015); h and ĥ are their hidden
states after layers that belong together. Whatever is summed is of one position, so that how a step is split
into micro-batches changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from synthcli.model.autograd import FunctionContext
from synthcli.model.interface import get_config, get_stack
from synthcli.model.stack import Stack
from synthcli.objectives import CACHE_ELEMENTS, IGNORED, Batch, real_targets
from synthcli.training.trainer import Indices, TrainingExamples

Logits = Float[Tensor, "positions vocabulary"]
Forward = Callable[[nn.Module, Batch, Tensor | None], Tensor]  # logits of the positions that are selected


@dataclass(frozen=True)
class Healing:
    """An objective; `layers` pairs a student's layer with the teacher's that it stands for."""

    teacher: nn.Module
    temperature: float = 1.0
    hidden: float = 0.0
    layers: tuple[tuple[int, int], ...] = ()

    def __call__(self, model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> tuple[Tensor, int]:
        tokens = batch["tokens"]
        assert tokens is not None
        teacher = self.teacher.to(tokens.device)
        positions, targets = real_targets(batch)
        config = get_config(teacher)
        forward = FORWARDS[config.task]
        predicted = positions if config.has_head else targets.new_empty(0)
        with torch.no_grad(), hidden_states(teacher, [theirs for _, theirs in self._pairs]) as h:
            target = forward(teacher, batch, predicted)
        with hidden_states(bare(model), [ours for ours, _ in self._pairs]) as h_hat:
            logits = forward(model, batch, predicted)
        loss = divergence(target.flatten(0, -2), logits.flatten(0, -2), self.temperature)
        for ours, theirs in self._pairs:
            loss = loss + self.hidden * relative_error(h_hat[ours], h[theirs], positions)
        return loss, targets.numel()

    @property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        return self.layers if self.hidden else ()


def _forward_masked_lm(model: nn.Module, batch: Batch, real: Tensor | None) -> Tensor:
    return model(batch["tokens"], padding=batch.get("padding"), select=real)


def _forward_causal_lm(model: nn.Module, batch: Batch, real: Tensor | None) -> Tensor:
    logits, _ = model(batch["tokens"], documents=batch.get("documents"), select=real)
    return logits


FORWARDS: dict[str, Forward] = {"masked-lm": _forward_masked_lm, "causal-lm": _forward_causal_lm}


def bare(model: nn.Module) -> nn.Module:
    """Return the model that several processes' wrapper holds."""
    return getattr(model, "module", model)


@contextmanager
def hidden_states(model: nn.Module, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """Record the stream after some layers (batch, length, d_model) while a model runs."""
    found: dict[int, Tensor] = {}

    def record(layer: int) -> Callable[..., None]:
        def hook(module: nn.Module, given: object, output: tuple[Tensor, object]) -> None:
            found[layer] = output[0]

        return hook

    blocks = list(stack_of(model).blocks) if layers else []
    hooks = [blocks[layer].register_forward_hook(record(layer)) for layer in layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def stack_of(model: nn.Module) -> Stack:
    """Return the stack whose last hidden states the head reads."""
    return get_stack(model, "decoder" if hasattr(model, "decoder") else "encoder")


def relative_error(student: Tensor, teacher: Tensor, positions: Tensor | None) -> Float[Tensor, ""]:
    """Return Σ ‖ĥ − h‖² / ‖h‖² over real positions, in float32; None are all of them."""
    wide = torch.promote_types(teacher.dtype, torch.float32)
    h_hat, h = (
        rows if positions is None else rows.index_select(0, positions)
        for rows in (student.flatten(0, -2), teacher.flatten(0, -2))
    )
    h_hat, h = h_hat.to(wide), h.to(wide)
    return ((h_hat - h).square().sum(-1) / h.square().sum(-1)).sum()


def divergence(teacher: Logits, student: Logits, temperature: float = 1.0) -> Float[Tensor, ""]:
    """Return Σ τ² KL(p_τ‖q_τ) over positions, in float32 at least; the teacher gets no gradient."""
    return _summed_divergence(student, teacher, temperature)


class _DivergenceContext(FunctionContext, Protocol):
    dtype: torch.dtype


class _Divergence(torch.autograd.Function):
    """The gradient is made beside the loss, a slice of positions at a time: ∂/∂z_v = τ (q_v − p_v)."""

    @staticmethod
    def forward(ctx: _DivergenceContext, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        wide = torch.promote_types(student.dtype, torch.float32)
        loss = torch.zeros((), dtype=wide, device=student.device)
        # float16 gradients stay wide until they are scaled: small ones would vanish
        kept = wide if student.dtype == torch.float16 else student.dtype
        gradient = torch.empty_like(student, dtype=kept) if ctx.needs_input_grad[0] else None
        rows = max(1, CACHE_ELEMENTS // student.shape[-1]) if student.device.type == "cpu" else len(student)
        for start in range(0, len(student), max(1, rows)):
            part = slice(start, start + rows)
            log_q, log_p = (z[part].to(wide).div(temperature).log_softmax(-1) for z in (student, teacher))
            p = log_p.exp()
            loss += temperature**2 * (p * (log_p - log_q)).sum()
            if gradient is not None:
                gradient[part] = temperature * (log_q.exp() - p)
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.dtype = student.dtype
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: _DivergenceContext, scale: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(scale).to(ctx.dtype), None, None  # in place: a second backward is refused


_summed_divergence: Callable[[Tensor, Tensor, float], Tensor] = _Divergence.apply


class _TaskExamples(TrainingExamples, Protocol):
    task: str


class EveryPosition:
    """Examples whose every real position has a target, so that all of them count.

    Of masked text what is hidden stays hidden.
    """

    is_stream = False

    def __init__(self, examples: _TaskExamples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def lengths(self) -> npt.NDArray[np.integer]:
        return self.examples.lengths

    def collate(self, indices: Indices, seed: int = 0, epochs: Indices | int = 0) -> Batch:
        """Return a batch; a decoder's targets are at every real position already."""
        batch, padding = self.examples.collate(indices, seed, epochs), None
        if self.examples.task == "masked-lm":
            padding = batch.get("padding")
            tokens = batch["tokens"]
            assert tokens is not None
            targets = tokens if padding is None else tokens.masked_fill(padding, IGNORED)
            batch = {**batch, "targets": targets}
        return batch
