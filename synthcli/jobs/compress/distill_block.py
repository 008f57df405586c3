"""Distill blocks of a teacher into other mixers, and save the student as a run."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from synthcli.compress.activations.cache import cache_bytes, refuse_size
from synthcli.compress.activations.hook_points import check_layer, hook_points_of, main_stack, stack_layers
from synthcli.compress.activations.hook_points import get_block as block_at
from synthcli.compress.assemble import new_mixer
from synthcli.compress.config import DistillConfig
from synthcli.compress.distill.distill_block import DistilledBlock, parts_of
from synthcli.compress.distill.distill_blocks import TextPair, distill_blocks, refuse_misfit
from synthcli.compress.distill.students import StudentSpec, describe_student, student_config
from synthcli.compress.fidelity.outputs import Fidelity, measure_fidelity
from synthcli.compress.teacher import Teacher
from synthcli.data.config import DataConfig
from synthcli.disk import guard_write
from synthcli.errors import SynthError, carry_result
from synthcli.jobs.compress.report_types import BlockRow, DistillResult, PlannedBlock
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
from synthcli.model import ModelConfig, count_parameters
from synthcli.model.interface import get_config
from synthcli.model_config.mixers import MixerConfig
from synthcli.progress import Progress, Say, no_progress, say_nothing
from synthcli.runs import Reference, Run, refuse_unwritable_runs, runs_root
from synthcli.runs.environment import describe_device
from synthcli.runs.run import ELSEWHERE

MIXER = "attention"  # of a student where nobody says


@dataclass(frozen=True)
class DistillJob:
    """Settings with everything found, before anything is computed; `bytes` is the size of the recordings."""

    config: DistillConfig
    teacher: Teacher
    stack: str
    students: Mapping[int, MixerConfig]
    data: DataConfig
    texts: TextPair
    bytes: int
    own_name: str | None = None

    @property
    def name(self) -> str:
        """The name of the run."""
        if self.own_name is not None:
            return self.own_name
        layers = stack_layers(self.teacher.config, self.stack)
        is_all = len(self.students) == layers > 1
        which = "all-blocks" if is_all else "-".join(f"block-{layer}" for layer in sorted(self.students))
        return f"{label_of(self.teacher)}-distil-{which}-{self.config.mixer or MIXER}"


@dataclass(frozen=True)
class DistillOutcome:
    """A saved student; `before` and `after` count the parameters of whole models."""

    run: Run
    job: DistillJob
    model: nn.Module
    blocks: list[DistilledBlock]
    fidelity: Fidelity
    before: int
    after: int
    seconds: float

    @property
    def metric(self) -> str:
        """What to evaluate the student by."""
        config = self.job.teacher.config
        return METRIC_OF_TASK[config.task] if config.has_head else "teacher-agreement"

    def to_json(self) -> DistillResult:
        """Return what `results/compress.json` holds."""
        sizes = (self.before, self.after)
        result = result_of(self.job, self.blocks, self.fidelity, sizes, self.seconds)
        return {**result, "run": str(self.run.path)}


def prepare(
    config: DistillConfig,
    model: ModelConfig | None = None,
    name: str | None = None,
    preparing: Progress = no_progress,
) -> DistillJob:
    """Return everything a distillation needs; whatever is wrong is refused here.

    Students are those of `model`, a preset's, unless the settings name one.
    """
    refuse_unwritable_runs()
    teacher = find_teacher(config.teacher)
    stack = main_stack(teacher.config)
    students = students_of(config, model, teacher, stack)
    refuse_misfit(teacher, stack, students, config)
    texts = texts_for(teacher, config, preparing)
    points = hook_points_of(stack, students, parts_of(config))
    pair = (texts.train, texts.held_out)
    size = sum(cache_bytes(teacher, text, points) for text in pair)
    refuse_size(runs_root() / "activations", size, config.cache_limit)
    return DistillJob(config.on(len(texts.train)), teacher, stack, students, texts.data, pair, size, name)


def students_of(
    config: DistillConfig, model: ModelConfig | None, teacher: Teacher, stack: str
) -> dict[int, MixerConfig]:
    """Return the configuration of the student of every block asked for."""
    blocks = config.layers_among(stack_layers(teacher.config, stack))
    for layer in blocks:
        check_layer(teacher.config, layer, stack)
    if model is not None and not config.names_students:
        return {layer: of_preset(model, stack, layer) for layer in blocks}
    specs = [StudentSpec(teacher.config, stack, layer, config.heads, config.d_head) for layer in blocks]
    return {spec.layer: student_config(config.mixer or MIXER, spec) for spec in specs}


def of_preset(model: ModelConfig, stack: str, layer: int) -> MixerConfig:
    """Return the mixer a preset gives a layer."""
    table = getattr(model, stack)
    if table is None or layer >= table.layers:
        there = 0 if table is None else table.layers
        message = f"the preset has no layer {layer} in its {stack}, which has {there}"
        raise SynthError(message, "name a block it has, or give `--mixer` in place of `--preset`")
    return model.mixer_of(table, layer)


def run(job: DistillJob, progress: Progress = no_progress, say: Say = say_nothing) -> DistillOutcome:
    """Distill, put the student together, compare it with its teacher, and save it."""
    began = time.perf_counter()
    folder = runs_root()
    with guard_write(f"`{folder}`", folder, ELSEWHERE):
        folder.mkdir(parents=True, exist_ok=True)
    teacher, texts = job.teacher, job.texts
    with suggest_less_text(texts[0].lengths):
        model, blocks = distill_blocks(teacher, texts, job.stack, job.students, job.config, folder, progress)
        say("comparing the student with its teacher")
        fidelity = measure_fidelity(teacher.model, model, texts[1])
    sizes = (count_parameters(teacher.model), count_parameters(model))
    seconds = time.perf_counter() - began
    config = get_config(model)
    experiment = student_experiment(job.name, title_of(job), teacher, config, job.data, provenance(job))
    result = result_of(job, blocks, fidelity, sizes, seconds)
    with carry_result(result):
        saved = save_student(experiment, model, teacher, result)
    return DistillOutcome(saved, job, model, blocks, fidelity, *sizes, seconds)


def plan_rows(job: DistillJob) -> list[PlannedBlock]:
    """Return a row for every block, of what is known before anything is computed."""
    model, d_model = job.teacher.model, job.teacher.config.d_model
    return [
        {
            "block": layer,
            "mixer": describe_student(config, d_model),
            "start": job.config.start,
            "steps": job.config.steps,
            "parameters_before": count_parameters(block_at(model, job.stack, layer).mixer),
            "parameters_after": count_parameters(new_mixer(job.teacher.config, layer, config, job.stack)),
        }
        for layer, config in sorted(job.students.items())
    ]


def title_of(job: DistillJob) -> str:
    """Return what a run is about."""
    blocks = ", ".join(str(layer) for layer in sorted(job.students))
    kinds = sorted({describe_student(config, job.teacher.config.d_model) for config in job.students.values()})
    plural = "s" * (len(job.students) > 1)
    return f"{label_of(job.teacher)}, block{plural} {blocks} distilled into {', '.join(kinds)}"


def provenance(job: DistillJob) -> DistillConfig:
    """Return how a student was made, for its preset, whose model says what stands in each block."""
    own = {"blocks": tuple(sorted(job.students)), "mixer": None, "heads": None, "d_head": None}
    return as_made(job.config.model_copy(update=own), job.teacher, job.data, job.texts[0])


def result_of(
    job: DistillJob, blocks: list[DistilledBlock], fidelity: Fidelity, sizes: tuple[int, int], seconds: float
) -> DistillResult:
    """Return what a distillation found, with what gives its figures their meaning."""
    return {
        "method": job.config.method,
        "teacher": Reference.to(job.teacher.path, model=job.teacher.hash).to_json(),
        "text": text_table(job.data, job.texts),
        "criterion": job.config.criterion,
        "conditioned": job.config.conditioned,
        "seed": job.config.seed,
        "device": describe_device(job.teacher.device),
        "protocol": "NMSE of the mixer's output: Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over real tokens of held-out text",
        "blocks": [block_of(one, job.teacher.config.d_model) for one in blocks],
        "model": {"parameters_before": sizes[0], "parameters_after": sizes[1], **fidelity.to_json()},
        "seconds": round(seconds, 2),
    }


def block_of(one: DistilledBlock, d_model: int) -> BlockRow:
    """Return a row of the table."""
    return {
        "block": one.block,
        "mixer": describe_student(one.config, d_model),
        "start": one.start,
        **figures_of(one),
    }
