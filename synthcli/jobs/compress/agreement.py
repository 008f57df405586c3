"""Evaluate students by their teacher: agreement, hidden states, and what each costs."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from synthcli.compress.activations.cache import batches_by_length
from synthcli.compress.config import TextConfig
from synthcli.compress.costs import Cost, costs_of
from synthcli.compress.fidelity.teacher_agreement import StudentTally, evaluate_students
from synthcli.compress.healing import FORWARDS
from synthcli.compress.teacher import Teacher
from synthcli.data.config import MaskingConfig
from synthcli.data.examples.examples import Examples
from synthcli.errors import SynthError, carry_result
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.measure import Indices
from synthcli.evaluation.result import Figure, Result
from synthcli.evaluation.score import Score
from synthcli.jobs.compress.layer_matching import match_layers
from synthcli.jobs.compress.teachers import find_teacher, own_teacher
from synthcli.jobs.compress.texts import data_of, experiment_of, used_by
from synthcli.jobs.evaluate.evaluate import RECORDED, file_name
from synthcli.jobs.evaluate.source import with_whole_file
from synthcli.jobs.stores import examples_of, store_for
from synthcli.model import ModelConfig
from synthcli.objectives import Batch
from synthcli.progress import Progress, Say, no_progress, say_nothing
from synthcli.runs import find_checkpoint, run_of
from synthcli.runs.environment import describe_device, read_versions
from synthcli.runs.references import portable
from synthcli.training.checkpoints import Checkpoint, load_checkpoint, model_of

METRIC = "teacher-agreement"
TIMED = 8  # sequences of the batch that is timed
HIDDEN_PROTOCOL = "NMSE of the stream after a layer: Σ‖ĥ − h‖² / Σ‖h − h̄‖² over real positions"
COST_PROTOCOL = "flops: 2 × parameters of the layers, a token; milliseconds: median of 7 runs, taking turns"


@dataclass(frozen=True)
class AgreementConfig:
    """Which students, by which teacher; None is whose student the first one is."""

    checkpoints: tuple[str, ...]
    teacher: str | None = None
    reference: str | None = None
    corpus: str | None = None
    source: Path | None = None
    split: str = "test"
    limit: int | None = None
    seed: int = 0
    bootstrap: int = 1000


@dataclass(frozen=True)
class Compared:
    """What was found of one student; `layers` pairs the teacher's layers with errors."""

    name: str
    result: Result
    cost: Cost
    layers: dict[int, float] | None
    written: Path | None = None

    def figure(self, name: str) -> Figure | None:
        return next((figure for figure in self.result.figures if figure.name == name), None)


@dataclass(frozen=True)
class Comparison:
    """All students of one teacher on one split."""

    teacher: Teacher
    teacher_cost: Cost
    students: list[Compared] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        return {
            "teacher": {"path": str(self.teacher.path), "cost": asdict(self.teacher_cost)},
            "students": [one.result.to_json() for one in self.students],
        }


def agree(
    config: AgreementConfig,
    progress: Progress = no_progress,
    preparing: Progress = no_progress,
    say: Say = say_nothing,
) -> Comparison:
    """Evaluate all students in one pass over the split, and write a result into each one's run."""
    checkpoints = [load_checkpoint(find_checkpoint(word)) for word in config.checkpoints]
    for checkpoint in checkpoints:
        if (run := run_of(checkpoint.path)) is not None:
            run.refuse_unwritable()
    teacher = find_teacher(config.teacher) if config.teacher else own_teacher(checkpoints[0].path, say)
    reference = None if config.reference is None else find_teacher(config.reference)
    for checkpoint in checkpoints:
        refuse_other(teacher, checkpoint.path, checkpoint.config, checkpoint.tokenizer.hash, "checkpoint")
    if reference is not None:
        refuse_other(teacher, reference.path, reference.config, reference.tokenizer.hash, "reference")
    examples = examples_for(teacher, config, preparing)
    size = len(examples)
    chosen = np.arange(size if config.limit is None else min(config.limit, size))
    students = [
        StudentTally(model_of(one).to(teacher.device), match_layers(one.path, one.config, teacher))
        for one in checkpoints
    ]
    began = time.monotonic()
    scores = evaluate_students(
        teacher.model,
        students,
        examples,
        chosen,
        config.seed,
        None if reference is None else reference.model,
        progress,
    )
    seconds = time.monotonic() - began
    own, *costs = costs_of([teacher.model, *(one.model for one in students)], batch_to_time(examples, chosen))
    comparison = Comparison(teacher, own)
    for checkpoint, student, found, cost in zip(checkpoints, students, scores, costs, strict=True):
        layers = layers_of(student)
        options = options_of(config, teacher, reference, cost, layers)
        result = result_of(config, examples, chosen, checkpoint, found, options, seconds, teacher.device)
        comparison.students.append(Compared(name_of(checkpoint), result, cost, layers))
    return write_results(comparison, checkpoints)


def write_results(comparison: Comparison, checkpoints: Sequence[Checkpoint]) -> Comparison:
    """Write every student's result into its run, and return the comparison that says where."""
    students = [
        replace(one, written=write(one.result, checkpoint, comparison))
        for one, checkpoint in zip(comparison.students, checkpoints, strict=True)
    ]
    return replace(comparison, students=students)


def refuse_other(teacher: Teacher, path: Path, config: ModelConfig, tokenizer: str, what: str) -> None:
    """Raise where two models do not predict the same tokens of the same text."""
    task = teacher.config.task
    if config.task != task or task not in FORWARDS:
        tasks = ", ".join(f"`{name}`" for name in FORWARDS)
        message = f"{what} `{path}` is for `{config.task}`, teacher `{teacher.name}` for `{task}`"
        raise SynthError(message, f"both have to be for the same of {tasks}")
    if not teacher.reads_like(tokenizer) or config.vocab_size != teacher.config.vocab_size:
        message = f"{what} `{path}` reads other pieces than teacher `{teacher.name}`"
        raise SynthError(message, "words can be compared only where both have the same")


def examples_for(teacher: Teacher, config: AgreementConfig, preparing: Progress) -> Examples:
    """Return the split as the teacher was trained to read it."""
    source = None if config.source is None else str(config.source)
    data = data_of(teacher, TextConfig(corpus=config.corpus, source=source))
    used = used_by(teacher, data)
    own = experiment_of(teacher)
    if own is None or own.data != data:
        data = with_whole_file(data)
    if data.layout == "streams":
        data = data.model_copy(update={"layout": "packed"})
    if not teacher.config.has_head:  # nothing is to be guessed, so nothing is masked
        data = data.model_copy(update={"masking": MaskingConfig(mask=0.0, random=0.0)})
    store = store_for(data, preparing, used)
    if config.split not in store.splits:
        have = ", ".join(f"`{name}`" for name in store.splits)
        raise SynthError(f"`{store.corpus}` has no split `{config.split}`", f"it has {have}")
    evaluating = EvaluationConfig(metrics=("perplexity",))
    return examples_of(store, config.split, teacher.config, data, evaluating)


def batch_to_time(examples: Examples, chosen: Indices) -> Batch:
    """Return the batch whose forward is timed: sequences of middle length."""
    lengths = examples.lengths[chosen]
    middle = batches_by_length(lengths, int(TIMED * np.median(lengths)))
    batch = examples.collate(chosen[middle[len(middle) // 2]])
    return {name: batch[name] for name in ("tokens", "padding", "token_types") if name in batch}


def layers_of(student: StudentTally) -> dict[int, float] | None:
    """Return the error after each of the teacher's layers that a student stands for."""
    errors = student.layer_errors
    if errors is None or student.layers is None:
        return None
    return dict(zip(student.layers, errors, strict=True))


def options_of(
    config: AgreementConfig,
    teacher: Teacher,
    reference: Teacher | None,
    cost: Cost,
    layers: dict[int, float] | None,
) -> dict[str, object]:
    """Return what gives the figures their meaning, and what has no interval."""
    others = {} if reference is None else {"reference": str(reference.path), "reference_hash": reference.hash}
    return {
        "beam": 1,
        "teacher": str(teacher.path),
        "teacher_hash": teacher.hash,
        **others,
        "seed": config.seed,
        "bootstrap": config.bootstrap,
        "hidden_nmse": layers,
        "hidden_protocol": HIDDEN_PROTOCOL,
        "cost": asdict(cost),
        "cost_protocol": COST_PROTOCOL,
    }


def result_of(
    config: AgreementConfig,
    examples: Examples,
    chosen: Indices,
    checkpoint: Checkpoint,
    scores: Sequence[Score],
    options: dict[str, object],
    seconds: float,
    device: torch.device,
) -> Result:
    """Return one student's result, in the form of every other metric's."""
    unmatched = "layers are not compared: nobody says which of the teacher's they stand for"
    cut = examples.store.describe_cut(config.split)
    notes = [*([] if cut is None else [cut]), *([unmatched] if options["hidden_nmse"] is None else [])]
    return Result(
        metric=METRIC,
        figures=tuple(Figure.of(score, config.bootstrap, config.seed) for score in scores),
        samples=len(chosen),
        split_size=len(examples),
        limit=config.limit,
        corpus=examples.store.corpus,
        split=config.split,
        store=examples.store.hash,
        checkpoint=str(checkpoint.path),
        step=checkpoint.step,
        options=options,
        notes=tuple(notes),
        seconds=round(seconds, 2),
        versions=read_versions(RECORDED),
        device=describe_device(device),
    )


def write(result: Result, checkpoint: Checkpoint, comparison: Comparison) -> Path | None:
    """Write a result into the run a checkpoint belongs to."""
    run = run_of(checkpoint.path)
    with carry_result(comparison):
        if run is None:
            return None
        return run.write_result(file_name(result), portable(result.to_json(), run))


def name_of(checkpoint: Checkpoint) -> str:
    run = run_of(checkpoint.path)
    return checkpoint.path.name if run is None else run.name
