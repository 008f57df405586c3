"""Where does which simplification cost least? Every replacement in every layer, from a formula, none trained.

NMSE is that of what is replaced: of a mixer its output, of two layers the stream after them.
KL(teacher‖student) is end to end, in nats a position, with one layer replaced and all others as they are; an
encoder that came without a head has the cosine of last hidden states in its place. All are on held-out text.
Where a model predicts tokens, there is the rise of its loss too, log p − log p̂ of the text's own tokens: it
may fall as well as rise, so that its interval over sequences tells whether there is any harm to be seen.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import ValidationError

from synthcli.compress.activations.hook_points import HookPoint, stack_layers
from synthcli.compress.config import MergedLayerConfig
from synthcli.compress.distill.closed_forms import STARTS, starts_for
from synthcli.compress.distill.students import STUDENTS, describe_student, student_config
from synthcli.compress.merge import MERGES, MergeProblem, span_of
from synthcli.compress.probe.figures import ProbedLayer, ProbeFinding, Substitute, SubstituteEvaluator
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError, did_you_mean
from synthcli.model_config.mixers import MixerConfig

MERGE, NOTHING = "merge-next", "none"
Replacement = Callable[[ProbedLayer], Substitute]


def from_formula(layer: ProbedLayer, config: MixerConfig, start: str | None = None) -> Substitute:
    """Return a student of the layer's mixer from its first start."""
    name = start or starts_for(config, layer.teacher_layer)[0]
    d_model = layer.teacher_layer.teacher.config.d_model
    return Substitute(STARTS[name](layer.teacher_layer, config), describe_student(config, d_model), name)


def heads_halved(layer: ProbedLayer) -> Substitute:
    """The better half of the heads, as wide as they are."""
    spec = layer.student_spec
    halved = replace(spec, heads=max(1, spec.own_heads // 2), d_head=spec.own_d_head)
    return from_formula(layer, student_config("attention", halved), "greedy-heads")


def narrow_heads(layer: ProbedLayer) -> Substitute:
    """All heads, half as wide."""
    return from_formula(layer, student_config("attention", layer.student_spec), "whitened-svd")


def student(name: str) -> Replacement:
    """Return what replaces a mixer by one of `STUDENTS`."""
    return lambda layer: from_formula(layer, student_config(name, layer.student_spec))


def merge_with_next(layer: ProbedLayer) -> Substitute:
    """This layer and the next as one, of the heads and neurons of both."""
    teacher_layer, method = layer.teacher_layer, next(iter(MERGES))
    config = teacher_layer.teacher.config
    if teacher_layer.number + 1 == stack_layers(config, teacher_layer.stack):
        raise SynthError(f"no layer follows layer {teacher_layer.number}")
    span = span_of(config, [teacher_layer.number, teacher_layer.number + 1], teacher_layer.stack)
    problem = MergeProblem(config, teacher_layer.teacher.model, span, teacher_layer.cache)
    return Substitute(MERGES[method](problem, MergedLayerConfig()).block, f"layers {span}", method, layers=2)


REPLACEMENTS: dict[str, Replacement] = {
    "heads-halved": heads_halved,
    "whitened-svd": narrow_heads,
    **{name: student(name) for name in STUDENTS if name not in ("attention", "srupp")},
    MERGE: merge_with_next,
}


def choose_replacements(names: Sequence[str] | None) -> list[str]:
    """Return the replacements asked for, all if none are; unknown ones are refused."""
    for name in names or ():
        if name not in REPLACEMENTS:
            raise SynthError(f"unknown replacement `{name}`", did_you_mean(name, REPLACEMENTS))
    return list(dict.fromkeys(names or REPLACEMENTS))


def hook_points_for(
    teacher: Teacher, stack: str, layers: Sequence[int], names: Sequence[str]
) -> list[HookPoint]:
    """Return what has to be recorded: each layer's stream, and what its mixer and its merger are to give."""
    points = {HookPoint(stack, n, part) for n in layers for part in ("layer-in", "mixer-in", "mixer-out")}
    if MERGE in names:
        last = stack_layers(teacher.config, stack) - 1
        points |= {HookPoint(stack, n + 1, "layer-out") for n in layers if n < last}
    return sorted(points)


def probe_layer(layer: ProbedLayer, names: Iterable[str]) -> Iterator[ProbeFinding]:
    """Yield a finding for every replacement; the teacher is as it was afterwards."""
    evaluator = SubstituteEvaluator(layer)
    for name in names:
        began = time.perf_counter()
        try:
            substitute = REPLACEMENTS[name](layer)
        except (SynthError, ValidationError) as error:
            why = error.message if isinstance(error, SynthError) else error.errors()[0]["msg"]
            yield ProbeFinding(layer.teacher_layer.number, name, why=why)
            continue
        seconds = time.perf_counter() - began
        yield evaluator.evaluate(name, substitute, seconds)
