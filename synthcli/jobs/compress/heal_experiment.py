"""The experiment of a healing: its teacher, text and training, refused before anything is computed."""

import fnmatch
import re
from collections.abc import Sequence

from torch import nn

from synthcli.compress.config import HealConfig
from synthcli.compress.healing import FORWARDS
from synthcli.compress.teacher import Teacher
from synthcli.data.config import MaskingConfig
from synthcli.errors import SynthError, did_you_mean
from synthcli.jobs.compress.students import student_experiment
from synthcli.jobs.compress.teachers import find_teacher, own_teacher
from synthcli.jobs.compress.texts import data_of
from synthcli.model import ModelConfig
from synthcli.presets.schema import Experiment, Start
from synthcli.progress import Say, say_nothing
from synthcli.runs import run_of
from synthcli.training.checkpoints import Checkpoint
from synthcli.training.config import AdamWConfig, TrainingConfig
from synthcli.training.schedules import CosineConfig

METHOD = "heal"
WARMUP = 0.04  # share of the steps
EVALUATIONS = 8
EVALUATED = 256  # validation examples, and sequences that tell how near student and teacher are


def teacher_of(config: HealConfig, student: Checkpoint, say: Say = say_nothing) -> Teacher:
    """Return the teacher named, or the one a student was made of."""
    if config.teacher is not None:
        return find_teacher(config.teacher)
    return own_teacher(student.path, say)


def fit_to_teacher(config: HealConfig, teacher: Teacher) -> HealConfig:
    """Return settings that fit a teacher: one without a head predicts nothing, and has hidden states."""
    if teacher.config.has_head:
        return config
    return config.model_copy(update={"plain": True, "hidden": config.hidden or 1.0})


def refuse_mismatch(student: Checkpoint, teacher: Teacher, hidden: float) -> None:
    """Raise where a student and a teacher do not have the same tokens."""
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


def experiment_for(
    config: HealConfig, student: Checkpoint, teacher: Teacher, name: str | None = None
) -> Experiment:
    """Return the experiment that heals: the student's model, on the teacher's text."""
    data = data_of(teacher, config)
    if data.layout == "streams":
        data = data.model_copy(update={"layout": "packed"})
    if config.batch_size is not None:
        batch = data.batch.model_copy(update={"size": config.batch_size})
        data = data.model_copy(update={"batch": batch})
    if config.plain and student.config.task == "masked-lm":
        data = data.model_copy(update={"masking": MaskingConfig(mask=0.0, random=0.0)})
    made = {
        "teacher": str(teacher.path.resolve()),
        "corpus": data.corpus,
        "source": None,
        "batch_size": data.batch.size or 1,
        "max_length": longest_for(student.config, config.max_length),
    }
    title = f"{name_of(student)}, healed by {teacher.name}"
    name = name or f"{name_of(student)}-healed"
    base = student_experiment(name, title, teacher, student.config, data, config.model_copy(update=made))
    start = Start(checkpoint=str(student.path.resolve()))
    return base.model_copy(update={"training": training_for(config), "start": start})


def training_for(config: HealConfig) -> TrainingConfig:
    """Return the settings of the loop; with epochs, warm-up and evaluations are those of so many steps."""
    every = max(1, config.steps // EVALUATIONS)
    return TrainingConfig(
        seed=config.seed,
        steps=config.steps if config.epochs is None else None,
        epochs=config.epochs,
        optimizer=AdamWConfig(weight_decay=0.0),
        schedule=CosineConfig(peak=config.learning_rate, warmup_steps=max(1, round(WARMUP * config.steps))),
        evaluate_every=every,
        save_every=every,
        validation_examples=EVALUATED,
    )


def longest_for(config: ModelConfig, asked: int | None) -> int:
    """Return the longest sequence to be read."""
    longest = config.max_source_length or config.max_target_length or 1
    if asked is not None and not 3 <= asked <= longest:
        raise SynthError(f"`--max-length {asked}` does not fit the student", f"allowed: 3 to {longest}")
    return asked or longest


def cut_to(config: ModelConfig, length: int | None) -> ModelConfig:
    """Return a configuration that reads sequences of so many positions, to cut the text by."""
    stack = "encoder" if config.encoder is not None else "decoder"
    own = getattr(config, stack).model_copy(update={"max_length": length})
    return config.model_copy(update={stack: own})


def name_of(student: Checkpoint) -> str:
    """Return a word for a student that may stand in the name of a run."""
    run = run_of(student.path)
    word = student.path.name if run is None else run.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", word).strip("-.") or "student"


def freeze_all_but(model: nn.Module, patterns: Sequence[str]) -> nn.Module:
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
