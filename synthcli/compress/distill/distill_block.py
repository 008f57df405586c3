"""Distill blocks: a start from a formula or at random, a short trial where there are several, then training.

What is replaced is the mixer of a layer; the student sees what the mixer saw and aims at what it returned,
before dropout, skip and norm.
"""

import copy
import math
import time
from dataclasses import dataclass

from torch import nn

from synthcli.compress.activations.cache import ActivationCache
from synthcli.compress.activations.hook_points import Part, get_block
from synthcli.compress.activations.remaining_layers import layers_after
from synthcli.compress.assemble import new_mixer
from synthcli.compress.config import DistillConfig
from synthcli.compress.distill.closed_forms import FRESH, STARTS, TeacherLayer, starts_for
from synthcli.compress.distill.criteria import OF_HEADS, Criterion, Given, criterion
from synthcli.compress.distill.fitting import BlockAsMixer, Fit, NotLearntError, fit
from synthcli.compress.distill.student_inputs import PARTS
from synthcli.compress.distill.value_init import give_values, refit_if_better
from synthcli.compress.fidelity.nmse import nmse, variance_of
from synthcli.errors import SynthError
from synthcli.model import count_parameters
from synthcli.model.mixers import Attention
from synthcli.model_config.mixers import MixerConfig
from synthcli.progress import Progress, no_progress

BEST = "best"
MICRO = 8  # sequences whose tokens are compared at once: logits are wide


def parts_of(config: DistillConfig) -> tuple[Part, ...]:
    """Return the parts of each layer that have to be recorded of the teacher."""
    is_whole = config.conditioned != "teacher" or config.criterion == "kl-output"
    return PARTS if is_whole else ("mixer-in", "mixer-out")


@dataclass(frozen=True)
class DistillTrial:
    """How far one start is before and after a trial; None where it does not fit, `why` saying so."""

    start: str
    before: float | None
    after: float | None
    why: str = ""


@dataclass(frozen=True)
class DistilledBlock:
    """What became of one block; errors are NMSE on held-out text, of the mixer's output."""

    block: int
    config: MixerConfig
    student: nn.Module
    parameters_before: int
    parameters_after: int
    start: str
    nmse_before: float
    nmse_after: float
    steps: int
    kept: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    trials: tuple[DistillTrial, ...]


def distill_layer(
    layer: TeacherLayer,
    held_out: ActivationCache,
    mixer: MixerConfig,
    config: DistillConfig,
    progress: Progress = no_progress,
) -> DistilledBlock:
    """Return a student of one mixer, begun from whichever start is best after a short trial."""
    began = time.perf_counter()
    student, trials = best_start(layer, held_out, mixer, config, progress)
    chosen = min(trials, key=lambda trial: math.inf if trial.after is None else trial.after)
    before = nmse(student, held_out, layer.source, layer.target)
    found = train_student(student, layer, held_out, config, progress, chosen.start)
    return DistilledBlock(
        block=layer.number,
        config=mixer,
        student=student,
        parameters_before=count_parameters(layer.mixer),
        parameters_after=count_parameters(student),
        start=chosen.start,
        nmse_before=before,
        nmse_after=nmse(student, held_out, layer.source, layer.target),
        steps=found.steps,
        kept=found.kept,
        seconds=time.perf_counter() - began,
        curve=found.curve,
        trials=tuple(trials),
    )


def best_start(
    layer: TeacherLayer,
    held_out: ActivationCache,
    mixer: MixerConfig,
    config: DistillConfig,
    progress: Progress,
) -> tuple[nn.Module, list[DistillTrial]]:
    """Return the student to be trained, as its start leaves it, and what all starts came to."""
    if config.start != BEST:
        student = start_student(config.start, layer, mixer, config)
        value = nmse(student, held_out, layer.source, layer.target)
        return student, [DistillTrial(config.start, value, value)]
    trials: list[DistillTrial] = []
    students: dict[str, nn.Module] = {}
    for name in starts_for(mixer, layer):
        try:
            students[name] = start_student(name, layer, mixer, config)
            trials.append(try_distill_start(name, students[name], layer, held_out, config, progress))
        except NotLearntError as error:
            trials.append(DistillTrial(name, None, None, error.message))
        except SynthError as error:
            if name == FRESH:
                raise
            trials.append(DistillTrial(name, None, None, error.message))
    known = [trial for trial in trials if trial.after is not None]
    if not known:
        raise NotLearntError(trials[-1].why, "choose another student, or a lower learning rate")
    return students[min(known, key=lambda trial: trial.after or 0.0).start], trials


def start_student(name: str, layer: TeacherLayer, mixer: MixerConfig, config: DistillConfig) -> nn.Module:
    """Return a student at one of its starts; criteria that look at maps alone take the teacher's values."""
    if name == FRESH:
        student = fresh_student(layer, mixer, config.seed)
    else:
        student = STARTS[name](layer, mixer).requires_grad_(True)
    if config.criterion in OF_HEADS and name == FRESH:
        criterion_for(config, student, layer)  # refuses what does not fit
        assert isinstance(student, Attention)  # the criterion refused others
        give_values(student, layer)
    return student


def fresh_student(layer: TeacherLayer, mixer: MixerConfig, seed: int) -> nn.Module:
    """Return a student that knows nothing of its teacher."""
    return layer.like_teacher(new_mixer(layer.teacher.config, layer.number, mixer, layer.stack, seed))


def try_distill_start(
    name: str,
    student: nn.Module,
    layer: TeacherLayer,
    held_out: ActivationCache,
    config: DistillConfig,
    progress: Progress,
) -> DistillTrial:
    """Train a copy for a moment; the student stays as it is."""
    before = nmse(student, held_out, layer.source, layer.target)
    if not config.steps:
        return DistillTrial(name, before, before)
    other = copy.deepcopy(student)
    train_student(other, layer, held_out, config.for_trial(), progress, f"{name}, a trial")
    return DistillTrial(name, before, nmse(other, held_out, layer.source, layer.target))


def train_student(
    student: nn.Module,
    layer: TeacherLayer,
    held_out: ActivationCache,
    config: DistillConfig,
    progress: Progress,
    word: str,
) -> Fit:
    """Train a student in place by its criterion; one on maps, or on y, ends with a new output map."""

    def report(step: int, steps: int, value: float) -> None:
        progress(f"block {layer.number} from {word}", step, steps, f"NMSE {value:.4g}")

    if not getattr(student, "reads_input", True):
        config = config.model_copy(update={"steps": 0})  # a constant: its start is the best there is
    objective, micro_size = criterion_for(config, student, layer), None
    pupil, source, target = student, layer.source, layer.target
    if objective.of_layer:
        micro_size, pupil = MICRO, whole_layer(student, layer)
        source, target = layer.point("layer-in"), layer.point("layer-out")
    found = fit(pupil, layer.cache, source, target, objective, config, held_out, report, micro_size)
    if found.steps and (objective.is_error or not objective.fits_output):
        refit_if_better(student, layer, held_out)
    return found


def criterion_for(config: DistillConfig, student: nn.Module, layer: TeacherLayer) -> Criterion:
    """Return the criterion that a student is trained by."""
    needs_rest = config.criterion == "kl-output"
    given = Given(
        layer.mixer,
        variance=variance_of(layer.cache, layer.target),
        model=layer.teacher.model if needs_rest else None,
        rest=layers_after(layer.teacher.model, layer.stack, layer.number) if needs_rest else None,
        relation_heads=config.relation_heads,
    )
    return criterion(config.criterion, given, student)


def whole_layer(student: nn.Module, layer: TeacherLayer) -> BlockAsMixer:
    """Return the teacher's block with the student in it; nothing else learns."""
    own = get_block(layer.teacher.model, layer.stack, layer.number)
    block = copy.deepcopy(own).requires_grad_(False)
    block.register_module("mixer", student)
    return BlockAsMixer(block)
