"""Merge spans of layers: a start, a short trial of several, training, and the model put together."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from synthcli import atomic_files
from synthcli.compress.activations.cache import RECORDINGS, ActivationCache, build_cache
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.assemble import KeptLayer, New, with_layers
from synthcli.compress.config import FitConfig, MergeConfig
from synthcli.compress.distill.criteria import Given, criterion
from synthcli.compress.distill.distill_block import BEST, DistillTrial
from synthcli.compress.distill.distill_blocks import CachePair, TextPair, record_teacher
from synthcli.compress.distill.fitting import BlockAsMixer, Fit, NotLearntError, fit
from synthcli.compress.fidelity.nmse import nmse, variance_of
from synthcli.compress.merge import MERGES
from synthcli.compress.merge.problem import MergeProblem
from synthcli.compress.merge.renumbered_cache import RenumberedCache
from synthcli.compress.merge.span import Span
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError
from synthcli.model import count_parameters
from synthcli.progress import Progress, no_progress


@dataclass(frozen=True)
class MergedLayer:
    """What became of one span; errors are NMSE of the stream after it, on held-out text."""

    span: Span
    new: New
    start: str
    parameters_before: int
    parameters_after: int
    nmse_before: float
    nmse_after: float
    steps: int
    kept: int
    seconds: float
    curve: tuple[tuple[int, float], ...]
    trials: tuple[DistillTrial, ...]

    @property
    def drops(self) -> list[int]:
        """The layers that are dropped where one of them is copied, and merging is another word for it."""
        kept = {"copy-first": self.span.first, "copy-last": self.span.last}.get(self.start)
        return [] if kept is None else [layer for layer in self.span.layers if layer != kept]


def merge_spans(
    teacher: Teacher,
    texts: TextPair,
    spans: Sequence[Span],
    config: MergeConfig,
    folder: Path,
    progress: Progress = no_progress,
) -> tuple[nn.Module, list[MergedLayer]]:
    """Merge spans that do not overlap, in order; return the model and what became of each.

    `texts` are to train on and to evaluate on. Recordings lie below `folder` and are removed again.
    """
    done: list[MergedLayer] = []
    with atomic_files.hold_temporary_folder(folder, RECORDINGS) as passing:
        points = [point for span in spans for point in (span.source, span.target)]
        teacher_caches = record_teacher(passing, teacher, texts, points, config.cache_limit, progress)
        for span in spans:
            with TemporaryDirectory(dir=passing) as own:
                caches = record_merged(Path(own), teacher, texts, teacher_caches, span, done, config)
                done.append(merge(teacher, span, caches, teacher_caches[0], config, progress))
    return assemble_merged(teacher, spans[0].stack, done), done


def record_merged(
    folder: Path,
    teacher: Teacher,
    texts: TextPair,
    teacher_caches: CachePair,
    span: Span,
    done: Sequence[MergedLayer],
    config: MergeConfig,
) -> CachePair:
    """Return what a span is merged on; nothing before the first has changed."""
    if config.conditioned == "teacher" or not done:
        return teacher_caches
    student = teacher.with_model(assemble_merged(teacher, span.stack, done))
    shift = sum(len(one.span.layers) - 1 for one in done)
    first, last = (span.first - shift, span.last - shift)
    points = [HookPoint(span.stack, first, "layer-in"), HookPoint(span.stack, last, "layer-out")]
    caches: list[ActivationCache] = []
    for kind, text, teacher_cache in zip(("train", "held-out"), texts, teacher_caches, strict=True):
        own = build_cache(folder / kind, student, text, points, config.cache_limit)
        target = teacher_cache if config.conditioned == "corrected" else None
        caches.append(RenumberedCache(own.path, own.index, span, shift, target))
    return caches[0], caches[1]


def merge(
    teacher: Teacher,
    span: Span,
    caches: CachePair,
    teacher_cache: ActivationCache,
    config: MergeConfig,
    progress: Progress,
) -> MergedLayer:
    """Merge one span, from its own start or from whichever is ahead after a short trial."""
    began = time.perf_counter()
    cache, held_out = caches
    problem = MergeProblem(
        teacher.config,
        teacher.model,
        span,
        cache,
        teacher_cache if config.conditioned == "corrected" else None,
    )
    new, start, trials = choose_merge_start(problem, held_out, config, progress)
    before = evaluate_merge(new, held_out, span)
    found = train_layer(problem, new, held_out, config, progress, start)
    return MergedLayer(
        span=span,
        new=new,
        start=start,
        parameters_before=sum(count_parameters(block) for block in problem.blocks),
        parameters_after=count_parameters(new.block),
        nmse_before=before,
        nmse_after=found.nmse_after,
        steps=found.steps,
        kept=found.kept,
        seconds=time.perf_counter() - began,
        curve=found.curve,
        trials=tuple(trials),
    )


def choose_merge_start(
    problem: MergeProblem, held_out: ActivationCache, config: MergeConfig, progress: Progress
) -> tuple[New, str, list[DistillTrial]]:
    """Return the layer to be trained, the name of its start, and what all starts came to."""
    if config.start != BEST:
        new = MERGES[config.start](problem, config)
        value = evaluate_merge(new, held_out, problem.span)
        return new, config.start, [DistillTrial(config.start, value, value)]
    news: dict[str, New] = {}
    trials: list[DistillTrial] = []
    for name, start in MERGES.items():
        try:
            new = start(problem, config)
            trials.append(try_merge_start(name, problem, new, held_out, config, progress))
            news[name] = new
        except (SynthError, NotLearntError) as error:
            trials.append(DistillTrial(name, None, None, error.message))
    known = [trial for trial in trials if trial.after is not None]
    if not known:
        raise NotLearntError(trials[-1].why, "merge other layers, or lower the learning rate")
    best = min(known, key=lambda trial: math.inf if trial.after is None else trial.after).start
    return news[best], best, trials


def try_merge_start(
    name: str,
    problem: MergeProblem,
    new: New,
    held_out: ActivationCache,
    config: MergeConfig,
    progress: Progress,
) -> DistillTrial:
    """Train a copy for a moment; the layer stays as it is."""
    before = evaluate_merge(new, held_out, problem.span)
    if not config.steps:
        return DistillTrial(name, before, before)
    other = copy.deepcopy(new)
    return DistillTrial(
        name,
        before,
        train_layer(problem, other, held_out, config.for_trial(), progress, f"{name}, a trial").nmse_after,
    )


def train_layer(
    problem: MergeProblem,
    new: New,
    held_out: ActivationCache,
    config: FitConfig,
    progress: Progress,
    word: str,
) -> Fit:
    """Train a merged layer in place towards the stream after the last of its layers."""

    def report(step: int, steps: int, value: float) -> None:
        progress(f"layers {problem.span} from {word}", step, steps, f"NMSE {value:.3f}")

    cache: Any = problem.activations
    given = Given(new.block, variance=variance_of(cache, problem.span.target))
    layer = BlockAsMixer(new.block.requires_grad_(True))
    objective = criterion("mse", given, layer)
    return fit(layer, cache, problem.span.source, problem.span.target, objective, config, held_out, report)


def evaluate_merge(new: New, held_out: ActivationCache, span: Span) -> float:
    """Return the NMSE of a merged layer on held-out text."""
    return nmse(BlockAsMixer(new.block), held_out, span.source, span.target)


def assemble_merged(teacher: Teacher, stack: str, done: Sequence[MergedLayer]) -> nn.Module:
    """Return the teacher with the merged layers there are so far."""
    return with_layers(teacher.model, teacher.config, student_layers(teacher, stack, done), stack)


def student_layers(teacher: Teacher, stack: str, done: Sequence[MergedLayer]) -> list[KeptLayer | New]:
    """Return the layers of the student in order."""
    ends = {one.span.last: one.new for one in done}
    gone = {layer for one in done for layer in one.span.layers}
    layers: list[KeptLayer | New] = []
    for layer in range(getattr(teacher.config, stack).layers):
        if layer in ends:
            layers.append(ends[layer])
        elif layer not in gone:
            layers.append(KeptLayer(layer))
    return layers


def stands_for(layers: int, spans: Sequence[Span]) -> list[int]:
    """Return for every layer of the student the teacher's layer whose output it aims at."""
    inside = {layer for span in spans for layer in span.layers if layer != span.last}
    return [layer for layer in range(layers) if layer not in inside]
