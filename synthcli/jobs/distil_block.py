"""Distil blocks of a teacher into other mixers, and save the student as a run."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from synthcli.compress.assemble import new_mixer
from synthcli.compress.blocks import Texts, distil_blocks, refuse_misfit
from synthcli.compress.cache import planned_bytes, refuse_size
from synthcli.compress.conditioned import sites_of
from synthcli.compress.distilling import Distilled, Plan, Progress, refuse_unknown, silent
from synthcli.compress.likeness import Likeness, likeness
from synthcli.compress.sites import block_of as block_at
from synthcli.compress.sites import check_layer, layers_of, main_stack
from synthcli.compress.students import Shape, name_of, student_config
from synthcli.compress.teacher import Teacher
from synthcli.data.config import DataConfig
from synthcli.data.prepare import Progress as Preparing
from synthcli.disk import writing
from synthcli.errors import SynthError, carrying
from synthcli.jobs.finetune import METRIC_OF_TASK
from synthcli.jobs.shortage import suggest_less_text
from synthcli.jobs.students import save_student, student_experiment
from synthcli.jobs.teachers import find_teacher
from synthcli.jobs.texts import TextRequest, experiment_of, texts_for
from synthcli.model import ModelConfig, count_parameters
from synthcli.model_config.mixers import MixerConfig
from synthcli.presets.compression import CompressConfig
from synthcli.runs import Reference, Run, refuse_unwritable_runs, runs_root
from synthcli.runs.environment import describe_device
from synthcli.runs.run import ELSEWHERE

LIMIT = 2000  # sequences to learn from where nobody says


def quiet(line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Request:
    """What to replace by what; no `blocks` is all of them. `students`, of a preset, stand in for `mixer`."""

    blocks: tuple[int, ...] | None
    teacher: str | None = None
    mixer: str = "attention"
    heads: int | None = None
    d_head: int | None = None
    students: ModelConfig | None = None
    plan: Plan = field(default_factory=Plan)
    epochs: int | None = None
    text: TextRequest = field(default_factory=lambda: TextRequest(limit=LIMIT))
    name: str | None = None


@dataclass(frozen=True)
class Work:
    """A request with everything found, before anything is computed; `bytes` is the size of the recordings."""

    request: Request
    teacher: Teacher
    stack: str
    students: Mapping[int, MixerConfig]
    plan: Plan
    data: DataConfig
    texts: Texts
    bytes: int

    @property
    def name(self) -> str:
        """The name of the run."""
        if self.request.name is not None:
            return self.request.name
        layers = layers_of(self.teacher.config, self.stack)
        is_all = len(self.students) == layers > 1
        which = "all-blocks" if is_all else "-".join(f"block-{layer}" for layer in sorted(self.students))
        return f"{label_of(self.teacher)}-distil-{which}-{self.request.mixer}"


@dataclass(frozen=True)
class Outcome:
    """A saved student; `before` and `after` count the parameters of whole models."""

    run: Run
    work: Work
    model: nn.Module
    blocks: list[Distilled]
    likeness: Likeness
    before: int
    after: int
    seconds: float

    @property
    def metric(self) -> str:
        """What to judge the student by."""
        config = self.work.teacher.config
        return METRIC_OF_TASK[config.task] if config.has_head else "teacher-agreement"

    def to_json(self) -> dict[str, Any]:
        """Return what `results/compress.json` holds."""
        return result_of(self.work, self.blocks, self.likeness, (self.before, self.after), self.seconds) | {
            "run": str(self.run.path)
        }


def distil(
    request: Request,
    progress: Progress = silent,
    preparing: Preparing | None = None,
    say: Callable[[str], None] = quiet,
) -> Outcome:
    """Distil, put the student together, compare it with its teacher, and save it."""
    return carried_out(found(request, preparing), progress, say)


def found(request: Request, preparing: Preparing | None = None) -> Work:
    """Return everything a request needs; whatever is wrong with it is refused here."""
    refuse_unknown(request.plan)
    refuse_unwritable_runs()
    teacher = find_teacher(request.teacher)
    stack = main_stack(teacher.config)
    students = students_of(request, teacher, stack)
    refuse_misfit(teacher, stack, students, request.plan)
    texts = texts_for(teacher, request.text, preparing)
    plan = request.plan
    if request.epochs is not None:
        steps = request.epochs * -(-len(texts.train) // plan.settings.batch_size)
        plan = replace(plan, settings=replace(plan.settings, steps=steps))
    sites = sites_of(stack, students, plan.parts)
    pair = (texts.train, texts.held_out)
    size = sum(planned_bytes(teacher, text, sites) for text in pair)
    refuse_size(runs_root() / "activations", size, plan.limit)
    return Work(request, teacher, stack, students, plan, texts.data, pair, size)


def students_of(request: Request, teacher: Teacher, stack: str) -> dict[int, MixerConfig]:
    """Return the configuration of the student of every block asked for."""
    layers = layers_of(teacher.config, stack)
    blocks = tuple(range(layers)) if request.blocks is None else request.blocks
    for number, layer in enumerate(blocks):
        check_layer(teacher.config, layer, stack)
        if layer in blocks[:number]:
            raise SynthError(f"block {layer} is named twice", "name every block once, or `--block all`")
    if request.students is not None:
        return {layer: of_preset(request.students, stack, layer) for layer in blocks}
    shapes = {layer: Shape(teacher.config, stack, layer, request.heads, request.d_head) for layer in blocks}
    return {layer: student_config(request.mixer, shape) for layer, shape in shapes.items()}


def of_preset(model: ModelConfig, stack: str, layer: int) -> MixerConfig:
    """Return the mixer a preset gives a layer."""
    table = getattr(model, stack)
    if table is None or layer >= table.layers:
        there = 0 if table is None else table.layers
        message = f"the preset has no layer {layer} in its {stack}, which has {there}"
        raise SynthError(message, "name a block it has, or give `--mixer` in place of `--preset`")
    return model.mixer_of(table, layer)


def carried_out(work: Work, progress: Progress = silent, say: Callable[[str], None] = quiet) -> Outcome:
    """Distil what was found, and save it."""
    began = time.perf_counter()
    folder = runs_root()
    with writing(f"`{folder}`", folder, ELSEWHERE):
        folder.mkdir(parents=True, exist_ok=True)
    teacher, texts = work.teacher, work.texts
    with suggest_less_text(texts[0].lengths):
        model, blocks = distil_blocks(teacher, texts, work.stack, work.students, work.plan, folder, progress)
        say("comparing the student with its teacher")
        near = likeness(teacher.model, model, texts[1])
    sizes = (count_parameters(teacher.model), count_parameters(model))
    seconds = time.perf_counter() - began
    config: Any = model.config
    experiment = student_experiment(work.name, title_of(work), teacher, config, work.data, provenance(work))
    result = result_of(work, blocks, near, sizes, seconds)
    with carrying(result):
        run = save_student(experiment, model, teacher, result)
    return Outcome(run, work, model, blocks, near, *sizes, seconds)


def planned(work: Work) -> list[dict[str, Any]]:
    """Return a row for every block, of what is known before anything is computed."""
    model, d_model = work.teacher.model, work.teacher.config.d_model
    return [
        {
            "block": layer,
            "mixer": name_of(config, d_model),
            "start": work.plan.start,
            "steps": work.plan.settings.steps,
            "parameters_before": count_parameters(block_at(model, work.stack, layer).mixer),
            "parameters_after": count_parameters(new_mixer(work.teacher.config, layer, config, work.stack)),
        }
        for layer, config in sorted(work.students.items())
    ]


def title_of(work: Work) -> str:
    """Return what a run is about."""
    blocks = ", ".join(str(layer) for layer in sorted(work.students))
    kinds = sorted({name_of(config, work.teacher.config.d_model) for config in work.students.values()})
    plural = "s" * (len(work.students) > 1)
    return f"{label_of(work.teacher)}, block{plural} {blocks} distilled into {', '.join(kinds)}"


def label_of(teacher: Teacher) -> str:
    """Return a word for a teacher that may stand in the name of a run."""
    experiment = experiment_of(teacher)
    word = experiment.name if experiment is not None else teacher.path.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", word).strip("-.") or "teacher"


def provenance(work: Work) -> CompressConfig:
    """Return how a student was made, for its preset."""
    plan, settings = work.plan, work.plan.settings
    return CompressConfig.model_validate(
        {
            "method": "distil-block",
            "teacher": str(work.teacher.path),
            "blocks": tuple(sorted(work.students)),
            "criterion": plan.criterion,
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
    work: Work, blocks: list[Distilled], near: Likeness, sizes: tuple[int, int], seconds: float
) -> dict[str, Any]:
    """Return what a distillation found, with what gives its figures their meaning."""
    train, held_out = work.texts
    return {
        "method": "distil-block",
        "teacher": Reference.to(work.teacher.path, model=work.teacher.hash).to_json(),
        "text": {
            "corpus": work.data.corpus,
            "store": train.store.hash,
            "layout": train.layout,
            "max_length": train.max_length,
            "learnt_from": text_of(train.split, train.lengths),
            "judged_by": text_of(held_out.split, held_out.lengths),
        },
        "criterion": work.plan.criterion,
        "conditioned": work.plan.conditioned,
        "seed": work.plan.settings.seed,
        "device": describe_device(work.teacher.device),
        "protocol": "NMSE of the mixer's output: Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over real tokens of held-out text",
        "blocks": [block_of(one, work.teacher.config.d_model) for one in blocks],
        "model": {
            "parameters_before": sizes[0],
            "parameters_after": sizes[1],
            **near.to_json(),
        },
        "seconds": round(seconds, 2),
    }


def text_of(split: str, lengths: Any) -> dict[str, Any]:
    return {"split": split, "sequences": len(lengths), "tokens": int(lengths.sum())}


def block_of(one: Distilled, d_model: int) -> dict[str, Any]:
    """Return a row of the table."""
    return {
        "block": one.block,
        "mixer": name_of(one.config, d_model),
        "start": one.start,
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
