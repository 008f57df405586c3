"""Activations of a model at named hook points; the forward ends where the last of them is known."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from synthcli.compress.activations.hook_points import HookPoint, check_hook_point, get_block, main_stack
from synthcli.compress.teacher import Teacher
from synthcli.device import device_of
from synthcli.errors import SynthError
from synthcli.model.blocks import Block
from synthcli.model.context import Context
from synthcli.model.interface import get_config
from synthcli.model.mixers import Attention

Batch = Mapping[str, Tensor | None]  # tokens, padding and token_types (batch, length)
READ = ("tokens", "padding", "token_types")
Captured = dict[HookPoint, Tensor]
Keep = Callable[[Tensor], None]


class _CompleteError(Exception):
    """Every hook point is known: what the model has yet to compute is not needed."""


def capture(teacher: Teacher, batch: Batch, points: Iterable[HookPoint]) -> Captured:
    """Return (batch, length, width) of every hook point, scores as (batch, heads, queries, keys).

    At padded positions stands whatever the model computes there.
    """
    return capture_model(teacher.model, batch, points)


@torch.no_grad()
def capture_model(model: nn.Module, batch: Batch, points: Iterable[HookPoint]) -> Captured:
    """Capture from any model of ours, as it stands: put it in evaluation mode first."""
    wanted, found = list(points), Captured()
    for point in wanted:
        check_hook_point(model, point)
    with _hooks(model, [point for point in wanted if point.part != "logits"], found, len(wanted)):
        try:
            logits = logits_of(model, batch)
        except _CompleteError:
            return {point: found[point] for point in wanted}
    found |= {point: logits for point in wanted if point.part == "logits"}
    return {point: found[point] for point in wanted}


def logits_of(model: nn.Module, batch: Batch) -> Tensor:
    """Return what a model says of a batch: logits of every position, or of every class."""
    config = get_config(model)
    there = batch_on(device_of(model), {name: batch.get(name) for name in READ})
    said = model(**{name: part for name, part in there.items() if part is not None})
    logits: Tensor = said[0] if config.task == "causal-lm" else said
    return logits


def batch_on(device: torch.device, batch: Batch) -> Batch:
    """Return a batch where a model is."""
    return {name: None if part is None else part.to(device) for name, part in batch.items()}


@torch.no_grad()
def last_hidden_of(model: nn.Module, batch: Batch) -> Tensor:
    """Return what the head reads: the last hidden states  (batch, length, d_model), after the final norm."""
    config = get_config(model)
    found: list[Tensor] = []

    def keep(_: nn.Module, args: object, result: tuple[Tensor, object]) -> None:
        found.append(result[0])
        raise _CompleteError

    handle = model.get_submodule(main_stack(config)).register_forward_hook(keep)
    try:
        logits_of(model, batch)
    except _CompleteError:
        pass
    finally:
        handle.remove()
    return found[0]


def context_of(stack: str, padding: Tensor | None) -> Context:
    """Return what the mixers of a stack are told about a batch."""
    return Context(causal=stack == "decoder", key_padding=padding)


def mix_scores(mixer: Attention, x: Tensor, context: Context) -> Tensor:
    """Return Σ_i α_i S_i before mask and softmax  (batch, heads, queries, keys)."""
    source = x if context.memory is None else context.memory
    keys = [score.project_keys(source) for score in mixer.scores]
    parts = [score(x, key, 0, source.shape[1]) for score, key in zip(mixer.scores, keys, strict=True)]
    scores: Tensor = parts[0] if mixer.mixing is None else mixer.mixing(parts)
    return scores if scores.dim() == 4 else scores.expand(len(x), *scores.shape)


@contextmanager
def _hooks(model: nn.Module, points: list[HookPoint], found: Captured, wanted: int) -> Iterator[None]:
    """Fill `found` while the model runs; the hooks go whatever happens."""

    def keeper(point: HookPoint) -> Keep:
        def keep(value: Tensor) -> None:
            found[point] = value
            if len(found) == wanted:
                raise _CompleteError

        return keep

    handles = [_listen(get_block(model, point.stack, point.layer), point, keeper(point)) for point in points]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _listen(block: Block, point: HookPoint, keep: Keep) -> RemovableHandle:
    """Give `keep` what passes a hook point."""
    if getattr(block, "reads_stream", False):
        message = f"`{point}` belongs to a block whose mixer reads two streams"
        raise SynthError(message, 'only blocks with `values_from = "norm"` can be replaced')
    if point.part == "scores":
        return block.mixer.register_forward_pre_hook(
            lambda mixer, args: keep(mix_scores(mixer, args[0], args[1]))
        )
    if point.part in INPUTS:
        return block.get_submodule(INPUTS[point.part]).register_forward_pre_hook(
            lambda _, args: keep(args[0])
        )
    return block.get_submodule(OUTPUTS[point.part]).register_forward_hook(
        lambda _, args, result: keep(result[0] if isinstance(result, tuple) else result)
    )


# the module that receives, or returns, what is read at a part, by its path in the block
INPUTS = {
    "layer-in": "",
    "mixer-in": "mixer",
    "context": "mixer.output",
    "feed-forward-in": "feed_forward",
    "feed-forward-hidden": "feed_forward.output",
}
OUTPUTS = {"mixer-out": "mixer", "feed-forward-out": "feed_forward", "layer-out": ""}
