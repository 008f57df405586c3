"""Merge layers of a teacher, and save the student as a run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from torch import nn

from synthcli.compress.blocks import Texts
from synthcli.compress.cache import planned_bytes, refuse_size
from synthcli.compress.distilling import Progress, silent
from synthcli.compress.likeness import Likeness, likeness
from synthcli.compress.merging import Span, all_pairs, span_of
from synthcli.compress.merging.merges import Merged, merge_spans, stands_for
from synthcli.compress.merging.plan import MergePlan, refuse_unknown
from synthcli.compress.sites import layers_of, main_stack
from synthcli.compress.students import name_of
from synthcli.compress.teacher import Teacher
from synthcli.data.config import DataConfig
from synthcli.data.prepare import Progress as Preparing
from synthcli.disk import writing
from synthcli.errors import SynthError, carrying
from synthcli.jobs.distil_block import LIMIT, label_of, quiet, text_of
from synthcli.jobs.finetune import METRIC_OF_TASK
from synthcli.jobs.shortage import suggest_less_text
from synthcli.jobs.students import save_student, student_experiment
from synthcli.jobs.teachers import find_teacher
from synthcli.jobs.texts import TextRequest, texts_for
from synthcli.model import count_parameters
from synthcli.presets.compression import CompressConfig
from synthcli.runs import Reference, Run, refuse_unwritable_runs, runs_root
from synthcli.runs.environment import describe_device
from synthcli.runs.run import ELSEWHERE

METHOD = "merge-layers"
PROTOCOL = (
    "NMSE of the stream after the last layer merged: Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over real tokens of held-out text"
)


@dataclass(frozen=True)
class MergeRequest:
    """What to merge: groups of neighbouring layers; none are all pairs."""

    groups: tuple[tuple[int, ...], ...] = ()
    teacher: str | None = None
    plan: MergePlan = field(default_factory=MergePlan)
    epochs: int | None = None
    text: TextRequest = field(default_factory=lambda: TextRequest(limit=LIMIT))
    name: str | None = None


@dataclass(frozen=True)
class MergeWork:
    """A request with everything found, before anything is computed; `bytes` is the size of the recordings."""

    request: MergeRequest
    teacher: Teacher
    spans: Sequence[Span]
    plan: MergePlan
    data: DataConfig
    texts: Texts
    bytes: int

    @property
    def layers(self) -> int:
        return layers_of(self.teacher.config, self.spans[0].stack)

    @property
    def name(self) -> str:
        """The name of the run."""
        if self.request.name is not None:
            return self.request.name
        pairs = all_pairs(self.teacher.config, self.spans[0].stack)
        is_all = list(self.spans) == pairs and len(pairs) > 1
        shown = "-".join("-".join(str(layer) for layer in span.layers) for span in self.spans)
        return f"{label_of(self.teacher)}-merge-{'all-pairs' if is_all else shown}"


@dataclass(frozen=True)
class MergeOutcome:
    """A saved student; `sizes` are the parameters of whole models, before and after."""

    run: Run
    work: MergeWork
    model: nn.Module
    merged: list[Merged]
    likeness: Likeness
    sizes: tuple[int, int]
    seconds: float

    @property
    def metric(self) -> str:
        """What to judge the student by."""
        return METRIC_OF_TASK[self.work.teacher.config.task]

    def to_json(self) -> dict[str, Any]:
        """Return what `results/compress.json` holds."""
        return result_of(self.work, self.merged, self.likeness, self.sizes, self.seconds) | {
            "run": str(self.run.path)
        }


def merge_layers(
    request: MergeRequest,
    progress: Progress = silent,
    preparing: Preparing | None = None,
    say: Callable[[str], None] = quiet,
) -> MergeOutcome:
    """Merge, put the student together, compare it with its teacher, and save it."""
    return merged_as(work_for(request, preparing), progress, say)


def work_for(request: MergeRequest, preparing: Preparing | None = None) -> MergeWork:
    """Return everything a request needs; whatever is wrong with it is refused here."""
    refuse_unknown(request.plan)
    refuse_unwritable_runs()
    teacher = find_teacher(request.teacher)
    spans = spans_of(request, teacher)
    texts = texts_for(teacher, request.text, preparing)
    plan = request.plan
    if request.epochs is not None:
        steps = request.epochs * -(-len(texts.train) // plan.settings.batch_size)
        plan = replace(plan, settings=replace(plan.settings, steps=steps))
    pair = (texts.train, texts.held_out)
    sites = [site for span in spans for site in (span.source, span.target)]
    size = sum(planned_bytes(teacher, text, sites) for text in pair)
    refuse_size(runs_root() / "activations", size, plan.limit)
    return MergeWork(request, teacher, spans, plan, texts.data, pair, size)


def spans_of(request: MergeRequest, teacher: Teacher) -> list[Span]:
    """Return what is merged, in order; groups may not share a layer."""
    stack = main_stack(teacher.config)
    if not request.groups:
        return all_pairs(teacher.config, stack)
    spans = sorted(
        (span_of(teacher.config, layers, stack) for layers in request.groups), key=lambda span: span.first
    )
    for one, other in pairwise(spans):
        if other.first <= one.last:
            raise SynthError(f"layer {other.first} would be merged twice", "name every layer once")
    return spans


def merged_as(
    work: MergeWork, progress: Progress = silent, say: Callable[[str], None] = quiet
) -> MergeOutcome:
    """Merge what was found, and save it."""
    began = time.perf_counter()
    folder = runs_root()
    with writing(f"`{folder}`", folder, ELSEWHERE):
        folder.mkdir(parents=True, exist_ok=True)
    teacher = work.teacher
    with suggest_less_text(work.texts[0].lengths):
        model, merged = merge_spans(teacher, work.texts, work.spans, work.plan, folder, progress)
        say("comparing the student with its teacher")
        near = likeness(teacher.model, model, work.texts[1])
    sizes = (count_parameters(teacher.model), count_parameters(model))
    seconds = time.perf_counter() - began
    config: Any = model.config
    shown = ", ".join(str(span) for span in work.spans)
    title = f"{label_of(teacher)}, layers {shown} merged"
    experiment = student_experiment(work.name, title, teacher, config, work.data, provenance(work))
    result = result_of(work, merged, near, sizes, seconds)
    with carrying(result):
        run = save_student(experiment, model, teacher, result)
    return MergeOutcome(run, work, model, merged, near, sizes, seconds)


def provenance(work: MergeWork) -> CompressConfig:
    """Return how a student was made, for its preset; groups of several sizes count as one of all layers."""
    plan, settings = work.plan, work.plan.settings
    blocks = [layer for span in work.spans for layer in span.layers]
    return CompressConfig.model_validate(
        {
            "method": METHOD,
            "teacher": str(work.teacher.path),
            "blocks": tuple(blocks),
            "group": len(work.spans[0].layers),
            "conditioned": plan.conditioned,
            "start": plan.start,
            "steps": settings.steps,
            "learning_rate": settings.learning_rate,
            "batch_size": settings.batch_size,
            "sequence_length": work.texts[0].max_length,
            "data": work.data.corpus,
            "limit": work.texts[0].limit,
        }
    )


def result_of(
    work: MergeWork, merged: Sequence[Merged], near: Likeness, sizes: tuple[int, int], seconds: float
) -> dict[str, Any]:
    """Return what merging found, with what gives its figures their meaning."""
    train, held_out = work.texts
    return {
        "method": METHOD,
        "teacher": Reference.to(work.teacher.path, model=work.teacher.hash).to_json(),
        "layers": stands_for(work.layers, work.spans),
        "text": {
            "corpus": work.data.corpus,
            "store": train.store.hash,
            "layout": train.layout,
            "max_length": train.max_length,
            "learnt_from": text_of(train.split, train.lengths),
            "judged_by": text_of(held_out.split, held_out.lengths),
        },
        "conditioned": work.plan.conditioned,
        "seed": work.plan.settings.seed,
        "device": describe_device(work.teacher.device),
        "protocol": PROTOCOL,
        "merges": [row_of(one, work.teacher.config.d_model) for one in merged],
        "model": {
            "parameters_before": sizes[0],
            "parameters_after": sizes[1],
            **near.to_json(),
        },
        "seconds": round(seconds, 2),
    }


def row_of(one: Merged, d_model: int) -> dict[str, Any]:
    """Return a row of the table."""
    return {
        "layers": list(one.span.layers),
        "mixer": name_of(one.new.mixer, d_model),
        "d_ff": one.new.d_ff,
        "start": one.start,
        "drops": one.drops,
        "parameters_before": one.parameters_before,
        "parameters_after": one.parameters_after,
        "nmse_before": one.nmse_before,
        "nmse_after": one.nmse_after,
        "steps": one.steps,
        "kept_step": one.kept,
        "seconds": round(one.seconds, 2),
        "curve": [list(point) for point in one.curve],
        "trials": [
            {"start": trial.start, "before": trial.before, "after": trial.after, "why": trial.why}
            for trial in one.trials
        ],
    }
