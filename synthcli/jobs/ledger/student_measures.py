"""How near a student is to its teacher, which is trained with the seed and compressed as a preset says."""

from dataclasses import dataclass

from synthcli.compress.config import DistillConfig, HealConfig, MergeConfig
from synthcli.errors import SynthError
from synthcli.jobs.compress import distill_block, heal, merge_layers
from synthcli.jobs.compress.layer_matching import account_of
from synthcli.jobs.reproduce.rows import finish_run
from synthcli.jobs.train import Observer
from synthcli.presets import load_preset
from synthcli.presets.schema import Experiment
from synthcli.runs import Run

STUDENTS = {"bert-heal-merged": "bert-merge-all"}  # what a healing begins with, by its preset


@dataclass(frozen=True)
class MadeStudent:
    """A student that was made now: the NMSE of its blocks, and its KL from its teacher if that predicts."""

    run: Run
    errors: tuple[float, ...]
    divergence: float | None


def student_error(experiment: Experiment, observer: Observer) -> float:
    """Return the NMSE of what was made on held-out text, the mean over blocks: 1 is the teacher's mean."""
    errors = _make_student(experiment, observer).errors
    return sum(errors) / len(errors)


def teacher_divergence(experiment: Experiment, observer: Observer) -> float:
    """Return KL(teacher ‖ student) on held-out text, in nats a masked token."""
    divergence = _make_student(experiment, observer).divergence
    assert divergence is not None  # its teacher predicts tokens
    return divergence


def teacher_of(experiment: Experiment) -> Experiment:
    """Return the experiment of the teacher that a student is made of, with the student's seed."""
    compress = experiment.compress
    if compress is None or compress.teacher is None:
        raise SynthError(f"preset `{experiment.name}` makes no student", "name one of `bert-blocks`")
    return load_preset(
        compress.teacher, experiment.scale, None, [f"training.seed={experiment.training.seed}"]
    )


def _make_student(experiment: Experiment, observer: Observer) -> MadeStudent:
    """Return a student, which is made now."""
    teacher = finish_run(teacher_of(experiment), observer)
    assert experiment.compress is not None
    config = experiment.compress.model_copy(update={"teacher": str(teacher.path)})
    if isinstance(config, HealConfig):
        return _heal(experiment, config, teacher, observer)
    if isinstance(config, MergeConfig):
        merged = merge_layers.run(merge_layers.prepare(config, experiment.name, observer.preparing))
        errors = tuple(one.nmse_after for one in merged.merged)
        return MadeStudent(merged.run, errors, merged.fidelity.divergence)
    if not isinstance(config, DistillConfig):
        raise SynthError(
            f"`{experiment.name}` is for `synth {experiment.verb}`", "name one that distills, merges or heals"
        )
    job = distill_block.prepare(config, experiment.model, experiment.name, observer.preparing)
    distilled = distill_block.run(job)
    errors = tuple(one.nmse_after for one in distilled.blocks)
    return MadeStudent(distilled.run, errors, distilled.fidelity.divergence)


def _heal(experiment: Experiment, config: HealConfig, teacher: Run, observer: Observer) -> MadeStudent:
    """Return the student of a healing; the student that it begins with is made first."""
    seed = f"training.seed={experiment.training.seed}"
    begins = load_preset(STUDENTS[experiment.name], experiment.scale, None, [seed])
    student = _make_student(begins, observer)
    healed = heal.run(heal.prepare(config, str(student.run.path), observer), observer)
    near = account_of(healed.run.checkpoints / "last")["after"]
    return MadeStudent(healed.run, (), near.get("divergence"))
