"""What a healing needs, found and refused before anything is computed."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import nn

from synthcli.compress.healing import FORWARDS
from synthcli.compress.teacher import Teacher
from synthcli.data.config import MaskingConfig
from synthcli.errors import SynthError, did_you_mean
from synthcli.jobs.students import student_experiment
from synthcli.jobs.teachers import find_teacher, own_teacher
from synthcli.jobs.texts import TextRequest, data_of
from synthcli.model import ModelConfig
from synthcli.presets.compression import CompressConfig
from synthcli.presets.schema import Experiment, Start
from synthcli.runs import run_of
from synthcli.runs.references import Say, quiet
from synthcli.training.checkpoints import Checkpoint
from synthcli.training.config import AdamWConfig, TrainingConfig
from synthcli.training.schedules import CosineConfig

METHOD = "heal"
WARMUP = 0.04  # share of the steps
EVALUATIONS = 8
JUDGED = 256  # validation examples, and sequences that tell how near student and teacher are


@dataclass(frozen=True)
class HealRequest:
    """None keeps what the student's run says; `teacher` is then the one it was made of. `epochs` of the text
    come before `steps`.

    `plain` text has nothing hidden: for encoders whose states are used, not their guesses.
    """

    checkpoint: str
    teacher: str | None = None
    text: TextRequest = field(default_factory=TextRequest)
    steps: int = 1000
    epochs: int | None = None
    learning_rate: float = 1e-4
    batch_size: int | None = None
    hidden: float = 0.0
    temperature: float = 1.0
    train_only: tuple[str, ...] = ()
    plain: bool = False
    seed: int = 0
    name: str | None = None  # of the run


def teacher_of(request: HealRequest, student: Checkpoint, say: Say = quiet) -> Teacher:
    """Return the teacher named, or the one a student was made of."""
    if request.teacher is not None:
        return find_teacher(request.teacher)
    return own_teacher(student.path, say)


def by_hidden_states(request: HealRequest, teacher: Teacher) -> HealRequest:
    """Return a request that fits its teacher: one without a head predicts nothing, and has hidden states."""
    if teacher.config.has_head:
        return request
    return replace(request, plain=True, hidden=request.hidden or 1.0)


def refuse_mismatch(student: Checkpoint, teacher: Teacher, hidden: float) -> None:
    """Raise where a student and a teacher do not speak of the same words."""
    ours, theirs = student.config, teacher.config
    if ours.task != theirs.task or ours.task not in FORWARDS:
        tasks = ", ".join(f"`{task}`" for task in FORWARDS)
        message = f"the student is for `{ours.task}`, its teacher for `{theirs.task}`"
        raise SynthError(message, f"both have to be for the same of {tasks}")
    if not teacher.reads_like(student.tokenizer.hash) or ours.vocab_size != theirs.vocab_size:
        message = f"teacher `{teacher.name}` reads other pieces than checkpoint `{student.path}`"
        raise SynthError(message, "name the teacher that the student was made of")
    if hidden and ours.d_model != theirs.d_model:
        widths = f"the student's are {ours.d_model} wide, the teacher's {theirs.d_model}"
        raise SynthError(f"`--hidden {hidden}` compares hidden states, and {widths}", "leave it out")


def experiment_for(request: HealRequest, student: Checkpoint, teacher: Teacher) -> Experiment:
    """Return the experiment that heals: the student's model, on the teacher's text."""
    data = data_of(teacher, request.text)
    if data.layout == "streams":
        data = data.model_copy(update={"layout": "packed"})
    if request.batch_size is not None:
        batch = data.batch.model_copy(update={"size": request.batch_size})
        data = data.model_copy(update={"batch": batch})
    if request.plain and student.config.task == "masked-lm":
        data = data.model_copy(update={"masking": MaskingConfig(mask=0.0, random=0.0)})
    training, name = training_for(request), request.name or f"{name_of(student)}-healed"
    compress = CompressConfig(
        method=METHOD,
        teacher=str(teacher.path.resolve()),
        blocks=tuple(range(teacher_layers(teacher))),
        criterion="kl-output",
        steps=request.steps if request.epochs is None else None,
        epochs=request.epochs,
        learning_rate=request.learning_rate,
        batch_size=data.batch.size or 1,
        sequence_length=fitting_length(student.config, request.text.max_length),
        data=data.corpus,
        hidden=request.hidden,
        temperature=request.temperature,
        train_only=request.train_only,
    )
    title = f"{name_of(student)}, healed by {teacher.name}"
    base = student_experiment(name, title, teacher, student.config, data, compress)
    start = Start(checkpoint=str(student.path.resolve()))
    return base.model_copy(update={"training": training, "start": start})


def training_for(request: HealRequest) -> TrainingConfig:
    """Return the settings of the loop; with epochs, warm-up and evaluations are those of so many steps."""
    every = max(1, request.steps // EVALUATIONS)
    return TrainingConfig(
        seed=request.seed,
        steps=request.steps if request.epochs is None else None,
        epochs=request.epochs,
        optimizer=AdamWConfig(weight_decay=0.0),
        schedule=CosineConfig(peak=request.learning_rate, warmup_steps=max(1, round(WARMUP * request.steps))),
        evaluate_every=every,
        save_every=every,
        validation_examples=JUDGED,
    )


def fitting_length(config: ModelConfig, asked: int | None) -> int:
    """Return the longest sequence to be read."""
    longest = config.max_source_length or config.max_target_length or 1
    if asked is not None and not 3 <= asked <= longest:
        raise SynthError(f"`--max-length {asked}` does not fit the student", f"allowed: 3 to {longest}")
    return asked or longest


def reading(config: ModelConfig, length: int) -> ModelConfig:
    """Return a configuration that reads sequences of so many positions, to cut the text by."""
    stack = "encoder" if config.encoder is not None else "decoder"
    own = getattr(config, stack).model_copy(update={"max_length": length})
    return config.model_copy(update={stack: own})


def teacher_layers(teacher: Teacher) -> int:
    stack = teacher.config.encoder or teacher.config.decoder
    assert stack is not None
    return stack.layers


def name_of(student: Checkpoint) -> str:
    """Return a word for a student that may stand in the name of a run."""
    run = run_of(student.path)
    word = student.path.name if run is None else run.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", word).strip("-.") or "student"


def frozen_but(model: nn.Module, patterns: Sequence[str]) -> nn.Module:
    """Let only parameters learn that a pattern such as `encoder.blocks.2.*` names; without one all do."""
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            parts = {".".join(name.split(".")[:n]) + ".*" for name in names for n in range(1, 4)}
            message = f"`--train-only {pattern}` names no parameter of the model"
            raise SynthError(message, did_you_mean(pattern, sorted(parts)))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not patterns or any(fnmatch.fnmatch(name, p) for p in patterns))
    return model
