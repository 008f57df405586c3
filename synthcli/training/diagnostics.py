"""What a training looks like inside, on request: one record of the journal for each it logs.

Gains and mixtures are read from the parameters. All else is measured in one more forward of the step's first
micro-batch, after its update, in evaluation mode, through hooks that are taken off again: a training that is
watched has the same weights, and one that is not pays nothing.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from synthcli.model.blocks import Block
from synthcli.model.context import Context
from synthcli.model.mixers import Attention
from synthcli.model.mixers.masks import visible_keys
from synthcli.model.mixers.mixing import Mixing
from synthcli.objectives import Batch
from synthcli.training import activation_stats
from synthcli.training.events import RESUME, Step
from synthcli.training.metrics_log import append_record, is_logged
from synthcli.training.trainer import Callback, Trainer, to_device

Figure = float | None | list[float] | list[list[float]] | dict[str, float | None]
Found = dict[str, dict[str, Figure]]  # by name, and then by module or parameter

OF_STREAM: dict[str, dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "kurtosis": {
        "of_positions": activation_stats.kurtosis,
        "of_neurons": activation_stats.kurtosis_of_neurons,
        "max_to_median": activation_stats.max_to_median,
    },
    "correlation": {
        "of_positions": activation_stats.correlation_of_positions,
        "of_sequences": activation_stats.correlation_of_sequences,
    },
}


class Diagnostics(Callback):
    """Writes what `training.diagnostics` names; put it after the journal."""

    def __init__(self, journal: Path, then: str = RESUME) -> None:
        self.journal, self.then = journal, then

    def on_step(self, training: Trainer, step: Step) -> None:
        if training.config.diagnostics and is_logged(training, step.step):
            append_record(self.journal, {"step": step.step, "diagnostics": diagnose(training)}, self.then)


@torch.no_grad()
def diagnose(training: Trainer) -> Found:
    """Return what the configuration names, by name and then by module or parameter."""
    names, model = training.config.diagnostics, training.model
    found: Found = {name: {} for name in names}
    if "gains" in names:
        found["gains"] = gains(model)
    if "mixtures" in names:
        found["mixtures"] = mixtures(model)
    if "entropy" in names or OF_STREAM.keys() & set(names):
        with evaluate_undisturbed(training):
            batch = first_micro_batch(training)
            with watch_blocks(model, batch, found):
                training.objective(model, batch, 0.0)
    return found


def gains(model: nn.Module) -> dict[str, Figure]:
    """Return every gain by its name in the state dict: a number, or one a head."""
    named = model.named_parameters()
    return {name: p.tolist() for name, p in named if getattr(p, "rate_group", None) == "gains"}


def mixtures(model: nn.Module) -> dict[str, Figure]:
    """Return α of every mixture of scores, a row a head; a plain sum has none."""
    weights = {name: m.coefficients() for name, m in model.named_modules() if isinstance(m, Mixing)}
    return {name: alpha.tolist() for name, alpha in weights.items() if alpha is not None}


def first_micro_batch(training: Trainer) -> Batch:
    """Return the step's first micro-batch, drawn as the step drew it; of streams without what came before."""
    return to_device(next(training.micro_batches(training.step)), training.device)


@contextmanager
def evaluate_undisturbed(training: Trainer) -> Iterator[None]:
    """Evaluate within, where nothing is drawn, and leave the mode as it was."""
    model, was_training = training.model, training.model.training
    model.eval()
    try:
        with training.precision.autocast(training.device):
            yield
    finally:
        model.train(was_training)


@contextmanager
def watch_blocks(model: nn.Module, batch: Batch, found: Found) -> Iterator[None]:
    """Measure what passes through blocks and attentions within."""
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            padding = get_module_padding(name, batch)
            if isinstance(module, Block):
                watch = partial(note_stream, found, name, padding)
                hooks.enter_context(module.register_forward_hook(watch))
            elif isinstance(module, Attention) and "entropy" in found:
                attend = partial(note_entropy, found, name, padding)
                hooks.enter_context(module.register_forward_hook(attend, with_kwargs=True))
        yield


def get_module_padding(name: str, batch: Batch) -> Tensor | None:
    """Return where the positions that pass through a module are padding."""
    is_source = "source" in batch and name.startswith("encoder")
    return batch.get("source_padding" if is_source else "padding")


def note_stream(
    found: Found,
    name: str,
    padding: Tensor | None,
    block: nn.Module,
    given: object,
    output: tuple[Tensor, object],
) -> None:
    """Measure what a block returns."""
    x = wide(output[0])
    real = mask_real(x, padding)
    for group, measures in OF_STREAM.items():
        if group in found:
            found[group][name] = {key: finite_number(measure(x, real)) for key, measure in measures.items()}


def note_entropy(
    found: Found,
    name: str,
    padding: Tensor | None,
    attention: Attention,
    given: tuple[object, ...],
    named: Mapping[str, object],
    output: object,
) -> None:
    """Measure the attention of one call, computed once more from what it was given."""
    x, context = (*given, *named.values())[:2]
    assert isinstance(x, Tensor) and isinstance(context, Context)
    logits, visible = attention_logits(attention, x, context)
    found["entropy"][name] = finite_number(activation_stats.entropy(logits, visible, mask_real(x, padding)))


def attention_logits(attention: Attention, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
    """Return Σ_i α_i S_i as (batch or 1, heads, queries, keys), and which keys each query sees.

    Fused attention never holds them; this is the formula.
    """
    source, start = (x, context.start) if context.memory is None else (context.memory, 0)
    num_keys = source.shape[1]
    parts = [
        score(x, score.project_keys(source, start), context.start, num_keys) for score in attention.scores
    ]
    logits = parts[0] if attention.mixing is None else attention.mixing(parts)
    is_causal = context.causal and not attention.is_cross
    visible = visible_keys(context, is_causal, x.shape[1], num_keys, x.device)
    if visible is None:
        visible = torch.ones(1, 1, 1, num_keys, dtype=torch.bool, device=x.device)
    return wide(logits if logits.dim() == 4 else logits[None]), visible


def mask_real(x: Tensor, padding: Tensor | None) -> Tensor:
    """Return True at positions that are not padding (batch, length); choices stand side by side."""
    if padding is None:
        return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    return ~padding.reshape(x.shape[:2])


def wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def finite_number(figure: Tensor) -> float | None:
    """Return a number for JSON, which has none for what is not finite."""
    value = figure.item()
    return value if math.isfinite(value) else None
