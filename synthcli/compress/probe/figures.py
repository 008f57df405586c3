"""What a substitute in one layer of a teacher costs, on held-out text: the figures of a probe."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from synthcli.compress.activations.cache import ActivationCache, batches_by_length, read_on
from synthcli.compress.activations.capture import context_of
from synthcli.compress.activations.hook_points import HookPoint, get_block
from synthcli.compress.activations.remaining_layers import layers_after
from synthcli.compress.distill.closed_forms import TeacherLayer
from synthcli.compress.distill.students import StudentSpec
from synthcli.compress.fidelity.nmse import NMSE
from synthcli.compress.fidelity.outputs import hidden_fidelity
from synthcli.data.store.ragged import Indices
from synthcli.evaluation.agreement import kl_divergence
from synthcli.evaluation.bootstrap import Sampled, ratio
from synthcli.model import count_parameters
from synthcli.model.blocks import Block
from synthcli.model.context import Context

TOKENS = 1024  # of a batch: logits are wide
POSITIONS = 2048  # real ones that a divergence is the mean of, about
RESAMPLES = 1000
Interval = tuple[float, float] | None


@dataclass(frozen=True)
class ProbedLayer:
    """A layer of a teacher, with recordings to fit on and to evaluate on."""

    teacher_layer: TeacherLayer
    held_out: ActivationCache

    @property
    def student_spec(self) -> StudentSpec:
        layer = self.teacher_layer
        return StudentSpec(layer.teacher.config, layer.stack, layer.number)

    def block(self, layer: int | None = None) -> Block:
        """Return the teacher's block, of this layer if none is named."""
        number = self.teacher_layer.number if layer is None else layer
        return get_block(self.teacher_layer.teacher.model, self.teacher_layer.stack, number)


@dataclass(frozen=True)
class Substitute:
    """What stands for a mixer, or for `layers` whole layers from this one on."""

    module: nn.Module
    what: str
    start: str
    layers: int = 0

    @property
    def last(self) -> int:
        """How many layers after this one it is the stream of."""
        return max(0, self.layers - 1)


@dataclass(frozen=True)
class ProbeFinding:
    """A replacement in a layer; `share` is of the parameters it replaces. Without figures `why` says why."""

    layer: int
    replacement: str
    what: str = ""
    start: str = ""
    share: float | None = None
    nmse: float | None = None
    kl: float | None = None
    cosine: float | None = None
    neighbours: float | None = None
    seconds: float = 0.0
    why: str = ""
    kl_interval: Interval = None  # 95 % of bootstrap resamples of sequences
    rise: float | None = None  # of the loss, nats a token
    rise_interval: Interval = None


class SubstituteEvaluator:
    """Evaluates substitutes in one layer beside the teacher on held-out text."""

    def __init__(self, layer: ProbedLayer) -> None:
        self.layer, self.cache = layer, layer.held_out
        self.batches = first_tokens(self.cache.lengths, POSITIONS)
        self.targets: dict[int, Tensor] = {}  # what the teacher makes of each batch

    def evaluate(self, name: str, substitute: Substitute, seconds: float) -> ProbeFinding:
        layer = self.layer.teacher_layer
        replaced = [self.layer.block(layer.number + more) for more in range(substitute.layers)]
        before = sum(count_parameters(block) for block in replaced) or count_parameters(layer.mixer)
        finding = ProbeFinding(
            layer.number,
            name,
            substitute.what,
            substitute.start,
            count_parameters(substitute.module) / before if before else None,
            self.error(substitute),
            seconds=seconds,
        )
        return self.with_end(finding, substitute)

    @torch.no_grad()
    def error(self, substitute: Substitute) -> float:
        """Return the NMSE of what is replaced."""
        layer, total = self.layer.teacher_layer, NMSE()
        source, target = layer.source, layer.target
        if substitute.layers:
            source = layer.point("layer-in")
            target = HookPoint(layer.stack, layer.number + substitute.last, "layer-out")
        for indices in batches_by_length(self.cache.lengths):
            x, padding = read_on(layer.device, self.cache, source, indices)
            context = context_of(layer.stack, padding)
            rest = (None, None) if substitute.layers else ()
            prediction = substitute.module(x, context, *rest)[0]
            total.add(prediction, read_on(layer.device, self.cache, target, indices)[0], padding)
        return total.value

    @torch.no_grad()
    def with_end(self, finding: ProbeFinding, substitute: Substitute) -> ProbeFinding:
        """Add KL(teacher‖student) of a position or sequence; without a head how near hidden states are."""
        if not self.layer.teacher_layer.teacher.config.has_head:
            near = hidden_fidelity(self.pairs(substitute))
            return replace(finding, cosine=near.cosine, neighbours=near.neighbours)
        columns = [self.columns(number, *pair) for number, pair in enumerate(self.pairs(substitute))]
        kl, rise = (Sampled(torch.cat(one).cpu().numpy(), ratio) for one in zip(*columns, strict=True))
        finding = replace(finding, kl=kl.value, kl_interval=kl.interval(RESAMPLES, 0))
        if not rise.statistics.size:
            return finding
        return replace(finding, rise=rise.value, rise_interval=rise.interval(RESAMPLES, 0))

    def columns(
        self, number: int, target: Tensor, prediction: Tensor, padding: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return for every sequence the sum and number of its KL, and of the rise of its loss.

        The loss is that of the text's own tokens, a decoder's next one; a classifier has none.
        """
        divergences = kl_divergence(target, prediction)
        if target.dim() == 2:
            one_each = divergences[:, None]
            return sum_by_sequence(one_each, torch.ones_like(one_each)), torch.empty(0, 2)
        tokens = self.cache.tokens(self.batches[number])[0].to(target.device)
        is_real = torch.ones_like(tokens) if padding is None else (~padding).long()
        after = 1 if self.layer.teacher_layer.teacher.config.task == "causal-lm" else 0
        tokens, before = tokens[:, after:], tokens.shape[1] - after
        losses = (
            nn.functional.cross_entropy(one[:, :before].transpose(1, 2), tokens, reduction="none")
            for one in (prediction, target)
        )
        rise = next(losses) - next(losses)
        return sum_by_sequence(divergences, is_real), sum_by_sequence(rise, is_real[:, after:])

    def pairs(self, substitute: Substitute) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield what the model's end makes of a batch, without and with the substitute, and the padding."""
        layer = self.layer.teacher_layer
        rest = layers_after(layer.teacher.model, layer.stack, layer.number + substitute.last)
        for number, indices in enumerate(self.batches):
            x, padding = read_on(layer.device, self.cache, layer.point("layer-in"), indices)
            context = context_of(layer.stack, padding)
            prediction = rest(self.stream(substitute, x, context), context)
            yield self.target(number, x, context), prediction, padding

    def stream(self, substitute: Substitute, x: Tensor, context: Context) -> Tensor:
        """Return the stream after the layers that a substitute touches."""
        if substitute.layers:
            return substitute.module(x, context, None, None)[0]
        block = self.layer.block()
        with swap_mixer(block, substitute.module):
            return block(x, context, None, None)[0]

    def target(self, number: int, x: Tensor, context: Context) -> Tensor:
        """Return what the teacher's end makes of a batch, computed once a layer."""
        if number not in self.targets:
            layer = self.layer.teacher_layer
            rest = layers_after(layer.teacher.model, layer.stack, layer.number)
            stream = self.layer.block()(x, context, None, None)[0]
            self.targets[number] = rest(stream, context)
        return self.targets[number]


def sum_by_sequence(figures: Tensor, is_real: Tensor) -> Tensor:
    """Return the sum of the figures of real positions and their number  (batch, 2)."""
    return torch.stack(((figures * is_real).sum(1), is_real.sum(1)), dim=1).double()


def is_resolved(interval: Interval) -> bool:
    """Whether a sample tells harm: the loss rises in all but a fortieth of its resamples."""
    return interval is not None and interval[0] > 0


@contextmanager
def swap_mixer(block: nn.Module, mixer: nn.Module) -> Iterator[None]:
    """Give a block another mixer for as long as this lasts."""
    own = block.get_submodule("mixer")
    block.register_module("mixer", mixer)
    try:
        yield
    finally:
        block.register_module("mixer", own)


def first_tokens(lengths: Indices, most: int) -> list[Indices]:
    """Return batches of the first sequences that have about so many tokens together."""
    count = int((lengths.cumsum() <= most).sum())
    return batches_by_length(lengths[: max(1, count)], TOKENS)
