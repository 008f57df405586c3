"""Merge layers of a teacher, and save the student as a run."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from synthcli.compress.activations.cache import cache_bytes, refuse_size
from synthcli.compress.activations.hook_points import main_stack, stack_layers
from synthcli.compress.config import MergeConfig
from synthcli.compress.distill.distill_blocks import TextPair
from synthcli.compress.distill.students import describe_student
from synthcli.compress.fidelity.outputs import Fidelity, measure_fidelity
from synthcli.compress.merge import Span, all_pairs, span_of
from synthcli.compress.merge.merge_spans import MergedLayer, merge_spans, stands_for
from synthcli.compress.teacher import Teacher
from synthcli.data.config import DataConfig
from synthcli.disk import guard_write
from synthcli.errors import carry_result
from synthcli.jobs.compress.report_types import MergeResult, MergeRow
from synthcli.jobs.compress.students import (
    as_made,
    figures_of,
    label_of,
    save_student,
    student_experiment,
    text_table,
)
from synthcli.jobs.compress.teachers import find_teacher
from synthcli.jobs.compress.texts import texts_for
from synthcli.jobs.finetune import METRIC_OF_TASK
from synthcli.jobs.shortage import suggest_less_text
from synthcli.model import count_parameters
from synthcli.model.interface import get_config
from synthcli.progress import Progress, Say, no_progress, say_nothing
from synthcli.runs import Reference, Run, refuse_unwritable_runs, runs_root
from synthcli.runs.environment import describe_device
from synthcli.runs.run import ELSEWHERE

METHOD = "merge-layers"
PROTOCOL = (
    "NMSE of the stream after the last layer merged: Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over real tokens of held-out text"
)


@dataclass(frozen=True)
class MergeJob:
    """Settings with everything found, before anything is computed; `bytes` is the size of the recordings."""

    config: MergeConfig
    teacher: Teacher
    spans: Sequence[Span]
    data: DataConfig
    texts: TextPair
    bytes: int
    own_name: str | None = None

    @property
    def layers(self) -> int:
        return stack_layers(self.teacher.config, self.spans[0].stack)

    @property
    def name(self) -> str:
        """The name of the run."""
        if self.own_name is not None:
            return self.own_name
        pairs = all_pairs(self.teacher.config, self.spans[0].stack)
        is_all = list(self.spans) == pairs and len(pairs) > 1
        shown = "-".join("-".join(str(layer) for layer in span.layers) for span in self.spans)
        return f"{label_of(self.teacher)}-merge-{'all-pairs' if is_all else shown}"


@dataclass(frozen=True)
class MergeOutcome:
    """A saved student; `sizes` are the parameters of whole models, before and after."""

    run: Run
    job: MergeJob
    model: nn.Module
    merged: list[MergedLayer]
    fidelity: Fidelity
    sizes: tuple[int, int]
    seconds: float

    @property
    def metric(self) -> str:
        """What to evaluate the student by."""
        return METRIC_OF_TASK[self.job.teacher.config.task]

    def to_json(self) -> MergeResult:
        """Return what `results/compress.json` holds."""
        result = result_of(self.job, self.merged, self.fidelity, self.sizes, self.seconds)
        return {**result, "run": str(self.run.path)}


def prepare(config: MergeConfig, name: str | None = None, preparing: Progress = no_progress) -> MergeJob:
    """Return everything a merge needs; whatever is wrong is refused here."""
    refuse_unwritable_runs()
    teacher = find_teacher(config.teacher)
    spans = spans_of(config, teacher)
    texts = texts_for(teacher, config, preparing)
    pair = (texts.train, texts.held_out)
    points = [point for span in spans for point in (span.source, span.target)]
    size = sum(cache_bytes(teacher, text, points) for text in pair)
    refuse_size(runs_root() / "activations", size, config.cache_limit)
    return MergeJob(config.on(len(texts.train)), teacher, spans, texts.data, pair, size, name)


def spans_of(config: MergeConfig, teacher: Teacher) -> list[Span]:
    """Return what is merged, in order."""
    stack = main_stack(teacher.config)
    if not config.groups:
        return all_pairs(teacher.config, stack)
    return [span_of(teacher.config, layers, stack) for layers in config.groups]


def run(job: MergeJob, progress: Progress = no_progress, say: Say = say_nothing) -> MergeOutcome:
    """Merge, put the student together, compare it with its teacher, and save it."""
    began = time.perf_counter()
    folder = runs_root()
    with guard_write(f"`{folder}`", folder, ELSEWHERE):
        folder.mkdir(parents=True, exist_ok=True)
    teacher = job.teacher
    with suggest_less_text(job.texts[0].lengths):
        model, merged = merge_spans(teacher, job.texts, job.spans, job.config, folder, progress)
        say("comparing the student with its teacher")
        fidelity = measure_fidelity(teacher.model, model, job.texts[1])
    sizes = (count_parameters(teacher.model), count_parameters(model))
    seconds = time.perf_counter() - began
    config = get_config(model)
    shown = ", ".join(str(span) for span in job.spans)
    title = f"{label_of(teacher)}, layers {shown} merged"
    experiment = student_experiment(job.name, title, teacher, config, job.data, provenance(job))
    result = result_of(job, merged, fidelity, sizes, seconds)
    with carry_result(result):
        saved = save_student(experiment, model, teacher, result)
    return MergeOutcome(saved, job, model, merged, fidelity, sizes, seconds)


def provenance(job: MergeJob) -> MergeConfig:
    """Return how a student was made, for its preset."""
    blocks = tuple(layer for span in job.spans for layer in span.layers)
    return as_made(job.config.model_copy(update={"blocks": blocks}), job.teacher, job.data, job.texts[0])


def result_of(
    job: MergeJob, merged: Sequence[MergedLayer], fidelity: Fidelity, sizes: tuple[int, int], seconds: float
) -> MergeResult:
    """Return what merging found, with what gives its figures their meaning."""
    return {
        "method": METHOD,
        "teacher": Reference.to(job.teacher.path, model=job.teacher.hash).to_json(),
        "layers": stands_for(job.layers, job.spans),
        "text": text_table(job.data, job.texts),
        "conditioned": job.config.conditioned,
        "seed": job.config.seed,
        "device": describe_device(job.teacher.device),
        "protocol": PROTOCOL,
        "merges": [row_of(one, job.teacher.config.d_model) for one in merged],
        "model": {"parameters_before": sizes[0], "parameters_after": sizes[1], **fidelity.to_json()},
        "seconds": round(seconds, 2),
    }


def row_of(one: MergedLayer, d_model: int) -> MergeRow:
    """Return a row of the table."""
    return {
        "layers": list(one.span.layers),
        "mixer": describe_student(one.new.mixer, d_model),
        "d_ff": one.new.d_ff,
        "start": one.start,
        "drops": one.drops,
        **figures_of(one),
    }
