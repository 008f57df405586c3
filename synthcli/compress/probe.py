"""Where does which simplification cost least? Every replacement in every layer, from a formula, none trained.

NMSE is that of what is replaced: of a mixer its output, of two layers the stream after them.
KL(teacher‖student) is end to end, in nats a position, with one layer replaced and all others as they are; an
encoder that came without a head has the cosine of last hidden states in its place. All are on held-out text.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from synthcli.compress.cache import ActivationCache, batches_by_length
from synthcli.compress.capture import context_of
from synthcli.compress.closed_forms import STARTS, Lesson, starts_for
from synthcli.compress.ending import ending_of
from synthcli.compress.likeness import hidden_likeness, real
from synthcli.compress.merging import MERGES, Task, Wanted, span_of
from synthcli.compress.nmse import NMSE
from synthcli.compress.sites import Site, block_of, layers_of
from synthcli.compress.students import STUDENTS, Shape, name_of, student_config
from synthcli.compress.teacher import Teacher
from synthcli.data.ragged import Indices
from synthcli.errors import SynthError, did_you_mean
from synthcli.evaluation.agreement import kl_divergence
from synthcli.model import count_parameters
from synthcli.model_config.mixers import MixerConfig

TOKENS = 1024  # of a batch: logits are wide
POSITIONS = 2048  # real ones that a divergence is the mean of, about
MERGE = "merge-next"


@dataclass(frozen=True)
class Layer:
    """A layer of a teacher, with recordings to compute on and to judge by."""

    lesson: Lesson
    held_out: ActivationCache

    @property
    def shape(self) -> Shape:
        return Shape(self.lesson.teacher.config, self.lesson.stack, self.lesson.layer)

    def block(self, layer: int | None = None) -> Any:
        """Return the teacher's block, of this layer if none is named."""
        number = self.lesson.layer if layer is None else layer
        return block_of(self.lesson.teacher.model, self.lesson.stack, number)


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


Replacement = Callable[[Layer], Substitute]


@dataclass(frozen=True)
class Finding:
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


def begun(layer: Layer, config: MixerConfig, start: str | None = None) -> Substitute:
    """Return a student of the layer's mixer from its first start."""
    chosen = start or starts_for(config, layer.lesson)[0]
    d_model = layer.lesson.teacher.config.d_model
    return Substitute(STARTS[chosen](layer.lesson, config), name_of(config, d_model), chosen)


def heads_halved(layer: Layer) -> Substitute:
    """The better half of the heads, as wide as they are."""
    shape = layer.shape
    halved = Shape(shape.config, shape.stack, shape.layer, max(1, shape.own_heads // 2), shape.own_d_head)
    return begun(layer, student_config("attention", halved), "greedy-heads")


def narrowed(layer: Layer) -> Substitute:
    """All heads, half as wide."""
    return begun(layer, student_config("attention", layer.shape), "whitened-svd")


def student(name: str) -> Replacement:
    """Return what replaces a mixer by one of `STUDENTS`."""
    return lambda layer: begun(layer, student_config(name, layer.shape))


def merged(layer: Layer) -> Substitute:
    """This layer and the next as one, of the heads and neurons of both."""
    lesson, method = layer.lesson, next(iter(MERGES))
    config = lesson.teacher.config
    if lesson.layer + 1 == layers_of(config, lesson.stack):
        raise SynthError(f"no layer follows layer {lesson.layer}")
    span = span_of(config, [lesson.layer, lesson.layer + 1], lesson.stack)
    task = Task(config, lesson.teacher.model, span, lesson.cache)
    return Substitute(MERGES[method](task, Wanted()).block, f"layers {span}", method, layers=2)


REPLACEMENTS: dict[str, Replacement] = {
    "heads-halved": heads_halved,
    "whitened-svd": narrowed,
    **{name: student(name) for name in STUDENTS if name not in ("attention", "srupp")},
    MERGE: merged,
}


def chosen(names: Sequence[str] | None) -> list[str]:
    """Return the replacements asked for, all if none are; unknown ones are refused."""
    for name in names or ():
        if name not in REPLACEMENTS:
            raise SynthError(f"unknown replacement `{name}`", did_you_mean(name, REPLACEMENTS))
    return list(dict.fromkeys(names or REPLACEMENTS))


def sites_for(teacher: Teacher, stack: str, layers: Sequence[int], names: Sequence[str]) -> list[Site]:
    """Return what has to be recorded: each layer's stream, and what its mixer and its merger are to give."""
    sites = {Site(stack, n, part) for n in layers for part in ("layer-in", "mixer-in", "mixer-out")}
    if MERGE in names:
        last = layers_of(teacher.config, stack) - 1
        sites |= {Site(stack, n + 1, "layer-out") for n in layers if n < last}
    return sorted(sites)


def probe_layer(layer: Layer, names: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding for every replacement; the teacher is as it was afterwards."""
    judge = Judge(layer)
    for name in names:
        began = time.perf_counter()
        try:
            substitute = REPLACEMENTS[name](layer)
        except (SynthError, ValidationError) as error:
            why = error.message if isinstance(error, SynthError) else error.errors()[0]["msg"]
            yield Finding(layer.lesson.layer, name, why=why)
            continue
        seconds = time.perf_counter() - began
        yield judge.finding(name, substitute, seconds)


class Judge:
    """Holds substitutes in one layer against the teacher on held-out text."""

    def __init__(self, layer: Layer) -> None:
        self.layer, self.cache = layer, layer.held_out
        self.batches = first_tokens(self.cache.lengths, POSITIONS)
        self.aims: dict[int, Tensor] = {}  # what the teacher makes of each batch

    def finding(self, name: str, substitute: Substitute, seconds: float) -> Finding:
        lesson = self.layer.lesson
        replaced = [self.layer.block(lesson.layer + more) for more in range(substitute.layers)]
        before = sum(count_parameters(block) for block in replaced) or count_parameters(lesson.mixer)
        finding = Finding(
            lesson.layer,
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
        lesson, total = self.layer.lesson, NMSE()
        source, target = lesson.source, lesson.target
        if substitute.layers:
            source = lesson.site("layer-in")
            target = Site(lesson.stack, lesson.layer + substitute.last, "layer-out")
        for indices in batches_by_length(self.cache.lengths):
            x, padding = self.cache.read(source, indices)
            context = context_of(lesson.stack, padding)
            rest = (None, None) if substitute.layers else ()
            said = substitute.module(x, context, *rest)[0]
            total.add(said, self.cache.read(target, indices)[0], padding)
        return total.value

    @torch.no_grad()
    def with_end(self, finding: Finding, substitute: Substitute) -> Finding:
        """Add KL(teacher‖student) of a position or sequence; without a head how near hidden states are."""
        if not self.layer.lesson.teacher.config.has_head:
            near = hidden_likeness(self.pairs(substitute))
            return replace(finding, cosine=near.cosine, neighbours=near.neighbours)
        total, count = 0.0, 0
        for aim, said, padding in self.pairs(substitute):
            divergences = kl_divergence(real(aim, padding), real(said, padding))
            total, count = total + float(divergences.double().sum()), count + len(divergences)
        return replace(finding, kl=total / count)

    def pairs(self, substitute: Substitute) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield what the model's end makes of a batch, without and with the substitute, and the padding."""
        lesson = self.layer.lesson
        ending = ending_of(lesson.teacher.model, lesson.stack, lesson.layer + substitute.last)
        for number, indices in enumerate(self.batches):
            x, padding = self.cache.read(lesson.site("layer-in"), indices)
            context = context_of(lesson.stack, padding)
            said = ending(self.stream(substitute, x, context), context)
            yield self.aim(number, x, context), said, padding

    def stream(self, substitute: Substitute, x: Tensor, context: Any) -> Tensor:
        """Return the stream after the layers that a substitute touches."""
        block = self.layer.block()
        if substitute.layers:
            block = substitute.module
            return block(x, context, None, None)[0]
        with standing_in(block, substitute.module):
            return block(x, context, None, None)[0]

    def aim(self, number: int, x: Tensor, context: Any) -> Tensor:
        """Return what the teacher's end makes of a batch, computed once a layer."""
        if number not in self.aims:
            lesson = self.layer.lesson
            ending = ending_of(lesson.teacher.model, lesson.stack, lesson.layer)
            stream = self.layer.block()(x, context, None, None)[0]
            self.aims[number] = ending(stream, context)
        return self.aims[number]


@contextmanager
def standing_in(block: Any, mixer: nn.Module) -> Iterator[None]:
    """Give a block another mixer for as long as this lasts."""
    own = block.mixer
    block.mixer = mixer
    try:
        yield
    finally:
        block.mixer = own


def first_tokens(lengths: Indices, most: int) -> list[Indices]:
    """Return batches of the first sequences that have about so many tokens together."""
    count = int((lengths.cumsum() <= most).sum())
    return batches_by_length(lengths[: max(1, count)], TOKENS)
