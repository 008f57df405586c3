"""Objectives: (model, batch) → the loss summed over targets, and their number.

Padding of decoder inputs is not passed on: it stands at the end, where causality lets no real position look,
and without a mask attention takes its fastest form.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from synthcli.errors import SynthError
from synthcli.model import State, detach_state
from synthcli.model.adaptive import Pieces, Rows, rows_of_clusters
from synthcli.model.autograd import FunctionContext
from synthcli.model.launches import counts_launches

IGNORED = -100  # a target that is padding
CACHE_ELEMENTS = 2**19  # logits worked on at a time by a processor: 2 MiB in float32, which stay in its cache
SLICE_ELEMENTS = 2**26  # by a GPU: 256 MiB, long enough that launches do not count

Batch = Mapping[str, Tensor | None]
Objective = Callable[[nn.Module, Batch, float], tuple[Tensor, int]]


def causal_lm(model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> tuple[Tensor, int]:
    """Cross-entropy of every next token."""
    select, chosen = real_targets(batch)
    output, _ = model(
        batch["tokens"],
        documents=batch.get("documents"),
        select=select,
        targets=chosen,
        **_clusters(batch),
    )
    return _of_tokens(output, chosen, label_smoothing)


def segment_lm(
    model: nn.Module, batch: Batch, state: State, label_smoothing: float = 0.0, window: int | None = None
) -> tuple[Tensor, int, State]:
    """Cross-entropy of every next token of a segment, given the state before it; and the state after."""
    select, chosen = real_targets(batch)
    output, new = model(
        batch["tokens"],
        state=state,
        select=select,
        targets=chosen,
        window=window,
        **_clusters(batch),
    )
    return *_of_tokens(output, chosen, label_smoothing), detach_state(new)


def masked_lm(model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> tuple[Tensor, int]:
    """Cross-entropy of the tokens that were hidden; no other position passes through the head."""
    select, chosen = real_targets(batch)
    output = model(batch["tokens"], padding=batch.get("padding"), select=select, targets=chosen)
    return _of_tokens(output, chosen, label_smoothing)


def seq2seq(model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> tuple[Tensor, int]:
    """Cross-entropy of every next target token, given the source."""
    select, chosen = real_targets(batch)
    output = model(
        batch["source"],
        batch["tokens"],
        source_padding=batch.get("source_padding"),
        select=select,
        targets=chosen,
    )
    return _of_tokens(output, chosen, label_smoothing)


def classification(model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> tuple[Tensor, int]:
    """Cross-entropy of the class, or of the right choice, of every example; of scores the squared error."""
    labels = batch["labels"]
    assert labels is not None
    types = {name: batch[name] for name in ("token_types",) if name in batch}
    logits = model(batch["tokens"], padding=batch.get("padding"), **types)
    if labels.is_floating_point():
        error = (logits[:, 0].float() - labels).masked_fill(labels == IGNORED, 0.0)
        return error.square().sum(), len(labels)
    absent = batch.get("absent")
    if absent is not None:  # rows with fewer choices than the batch's most
        logits = logits.masked_fill(absent, torch.finfo(logits.dtype).min)
    return cross_entropy(logits, labels, label_smoothing), len(labels)


OBJECTIVES: dict[str, Objective] = {
    "causal-lm": causal_lm,
    "masked-lm": masked_lm,
    "seq2seq": seq2seq,
    "classification": classification,
}


def count_targets(batch: Batch) -> int:
    """Count the targets of a batch without a model: what every objective returns beside its loss."""
    targets = batch["labels"] if "labels" in batch else batch["targets"]
    assert targets is not None
    return int((targets != IGNORED).sum())


def count_tokens(batch: Batch) -> int:
    """Count the tokens that a model reads of a batch, padding apart."""
    count = 0
    for tokens, padding in (("tokens", "padding"), ("source", "source_padding")):
        ids, is_padding = batch.get(tokens), batch.get(padding)
        if ids is not None:
            count += ids.numel() - (0 if is_padding is None else int(is_padding.sum()))
    return count


def _targets(batch: Batch) -> Tensor:
    targets = batch["targets"]
    assert targets is not None
    return targets


def ready(batch: Batch, edges: tuple[int, ...] = ()) -> Batch:
    """Return a batch with the positions that objectives select: to find them on a device is to wait for it.

    `edges` are those of the model's clusters of words.
    """
    if batch.get("targets") is None:
        return batch
    found: dict[str, Tensor | None] = {"positions": real_positions(_targets(batch))}
    _, chosen = real_targets({**batch, **found})
    for name, ids in (("tokens", batch.get("tokens")), ("targets", chosen)) if edges else ():
        assert ids is not None
        found |= {f"{name}/{i}": rows for i, rows in enumerate(rows_of_clusters(ids, edges))}
    return {**batch, **found}


def real_positions(targets: Int[Tensor, "batch length"]) -> Int[Tensor, " targets"] | None:
    """Return the positions, row after row, whose targets are no padding; None where all of them are."""
    real = targets != IGNORED
    return None if bool(real.all()) else real.flatten().nonzero()[:, 0]


def real_targets(batch: Batch) -> tuple[Int[Tensor, " targets"] | None, Int[Tensor, " targets"]]:
    """Return the positions of real targets, None where all of them are, and the real targets."""
    targets = _targets(batch)
    positions = batch["positions"] if "positions" in batch else real_positions(targets)
    flat = targets.flatten()
    return positions, flat if positions is None else flat.index_select(0, positions)


def _clusters(batch: Batch) -> dict[str, tuple[Rows, Rows]]:
    """Return the clusters of tokens and of real targets, where a batch was made ready with them."""
    tokens, targets = (
        tuple(rows for key, rows in batch.items() if key.startswith(f"{name}/") and rows is not None)
        for name in ("tokens", "targets")
    )
    return {"clusters": (tokens, targets)} if tokens else {}


def _of_tokens(output: Tensor | Pieces, targets: Tensor, label_smoothing: float) -> tuple[Tensor, int]:
    """Return the summed loss of logits, or of the pieces of an adaptive softmax."""
    if isinstance(output, Tensor):
        return cross_entropy(output.flatten(0, -2), targets, label_smoothing), targets.numel()
    if label_smoothing:
        message = f"`training.label_smoothing = {label_smoothing}` has no meaning for an adaptive softmax"
        raise SynthError(message, "set it to 0, or leave out `model.embeddings.cutoffs`")
    losses = [cross_entropy(logits, chosen) for logits, chosen in output]
    return torch.stack(losses).sum(), targets.numel()


def cross_entropy(
    logits: Float[Tensor, "targets vocabulary"],
    targets: Int[Tensor, " targets"],
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Σ (1 − ε) (−log p_y) + ε/V Σ_v (−log p_v), in float32  (Szegedy et al. 2016, section 7)."""
    return _summed_loss(logits, targets, label_smoothing)


class _LossContext(FunctionContext, Protocol):
    dtype: torch.dtype


class _CrossEntropy(torch.autograd.Function):
    """The gradient is made beside the loss, while a slice of the logits is in the cache:

    ∂/∂x_v = p_v − (1 − ε) [v = y] − ε/V

    On a processor and for bfloat16 this takes a quarter of the time of torch's own, which is its test.
    """

    @staticmethod
    def forward(ctx: _LossContext, logits: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        wide = torch.promote_types(logits.dtype, torch.float32)
        needs_gradient = ctx.needs_input_grad[0]
        loss = torch.zeros((), dtype=wide, device=logits.device)
        # float16 gradients stay wide until they are scaled: small ones would vanish
        kept = wide if logits.dtype == torch.float16 else logits.dtype
        gradient = torch.empty_like(logits, dtype=kept) if needs_gradient else None
        fill = _fill_by_few_passes if counts_launches(logits) else _fill
        rows = max(1, (CACHE_ELEMENTS if fill is _fill else SLICE_ELEMENTS) // logits.shape[1])
        for start in range(0, len(logits), rows):
            part = slice(start, start + rows)
            to = None if gradient is None else gradient[part]
            loss += fill(logits[part], targets[part, None], label_smoothing, to)
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.dtype = logits.dtype
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: _LossContext, scale: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient.mul_(scale).to(ctx.dtype), None, None  # in place: a second backward is refused


_summed_loss: Callable[[Tensor, Tensor, float], Tensor] = _CrossEntropy.apply


def _fill(x: Tensor, y: Tensor, label_smoothing: float, gradient: Tensor | None) -> Tensor:
    """Return the summed loss of a slice, and write its gradient."""
    loss, p = _slice(x.to(torch.promote_types(x.dtype, torch.float32)), y, label_smoothing)
    if gradient is not None:
        gradient.copy_(_minus_target(p, y, label_smoothing))
    return loss


def _fill_by_few_passes(x: Tensor, y: Tensor, label_smoothing: float, gradient: Tensor | None) -> Tensor:
    """Do the same where memory is what it takes: 30 bytes are moved for a logit of bfloat16, not 48.

    Logits are widened as they are read and the gradient is rounded as it is written; p is the only copy.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    real, at = (y != IGNORED).to(wide), y.clamp_min(0)
    top = x.amax(1, keepdim=True).to(wide)
    p = (x - top).exp_()
    total = p.sum(1, keepdim=True)
    aim = x.gather(1, at).to(wide)
    if label_smoothing:
        aim = aim.lerp(x.mean(1, keepdim=True, dtype=wide), label_smoothing)
    if gradient is not None:
        share, uniform = real / total, real * (-label_smoothing / x.shape[1])
        torch.addcmul(uniform, p, share, out=gradient)
        of_target = torch.addcmul(uniform, p.gather(1, at), share).sub_(real, alpha=1 - label_smoothing)
        gradient.scatter_(1, at, of_target.to(gradient.dtype))
    return torch.dot((total.log() + top - aim)[:, 0], real[:, 0])


def _slice(x: Tensor, y: Tensor, label_smoothing: float) -> tuple[Tensor, Tensor]:
    """Return the summed loss, and p with rows of zeros where a target is ignored."""
    real = (y != IGNORED).to(x.dtype)
    top = x.amax(1, keepdim=True)
    aim = (1 - label_smoothing) * x.gather(1, y.clamp_min(0))
    if label_smoothing:
        aim += label_smoothing * x.mean(1, keepdim=True)
    p = (x - top).exp_()
    total = p.sum(1, keepdim=True)
    loss = ((total.log() + top - aim) * real).sum()
    return loss, p.mul_(real / total)


def _minus_target(p: Tensor, y: Tensor, label_smoothing: float) -> Tensor:
    real = (y != IGNORED).to(p.dtype)
    if label_smoothing:
        p.sub_(real * (label_smoothing / p.shape[1]))
    return p.scatter_add_(1, y.clamp_min(0), real * (label_smoothing - 1))
