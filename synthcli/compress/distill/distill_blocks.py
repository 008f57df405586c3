"""Several blocks: all from one recording of the teacher, or each on what those before it have become."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from synthcli import atomic_files
from synthcli.compress.activations.cache import RECORDINGS, ActivationCache, build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.hook_points import HookPoint, check_layer, get_block, hook_points_of
from synthcli.compress.assemble import new_mixer, with_mixers
from synthcli.compress.config import DistillConfig
from synthcli.compress.distill.closed_forms import TeacherLayer
from synthcli.compress.distill.criteria import Given, criterion
from synthcli.compress.distill.distill_block import DistilledBlock, distill_layer, parts_of
from synthcli.compress.distill.fitting import refuse_dropout
from synthcli.compress.distill.student_inputs import record_inputs
from synthcli.compress.teacher import Teacher
from synthcli.errors import SynthError
from synthcli.model_config.mixers import MixerConfig
from synthcli.progress import Progress, no_progress

TextPair = tuple[Calibration, Calibration]
CachePair = tuple[ActivationCache, ActivationCache]


def distill_blocks(
    teacher: Teacher,
    texts: TextPair,
    stack: str,
    students: Mapping[int, MixerConfig],
    config: DistillConfig,
    folder: Path,
    progress: Progress = no_progress,
) -> tuple[nn.Module, list[DistilledBlock]]:
    """Replace the mixers of some layers, in order; return the model and what became of each block.

    `texts` are to train on and to evaluate on. Recordings lie below `folder` and are removed again.
    """
    for layer in students:
        check_layer(teacher.config, layer, stack)
    refuse_misfit(teacher, stack, students, config)
    done: list[DistilledBlock] = []
    with atomic_files.hold_temporary_folder(folder, RECORDINGS) as passing:
        points = hook_points_of(stack, sorted(students), parts_of(config))
        whole = record_teacher(passing, teacher, texts, points, config.cache_limit, progress)
        for layer, mixer in sorted(students.items()):
            with ExitStack() as stacked:
                caches = whole
                if config.conditioned != "teacher":
                    own = Path(stacked.enter_context(TemporaryDirectory(dir=passing)))
                    caches = record_student_input(own, teacher, texts, whole, stack, layer, done, config)
                teacher_layer = TeacherLayer(teacher, caches[0], stack, layer)
                done.append(distill_layer(teacher_layer, caches[1], mixer, config, progress))
    return assemble_student(teacher, stack, done), done


def refuse_misfit(
    teacher: Teacher, stack: str, students: Mapping[int, MixerConfig], config: DistillConfig
) -> None:
    """Raise where a student cannot be compared with its teacher, or there is nothing to learn from it."""
    for layer, mixer in students.items():
        own = get_block(teacher.model, stack, layer).mixer
        if not getattr(own, "reads_input", True):
            message = f"block {layer} has no mixer: what stands there is a constant already"
            raise SynthError(message, "name another block")
        given = Given(own, rest=lambda stream, context: stream, relation_heads=config.relation_heads)
        student = new_mixer(teacher.config, layer, mixer, stack)
        refuse_dropout(student, config.dropout)
        if config.dropout and not criterion(config.criterion, given, student).fits_output:
            message = f"criterion `{config.criterion}` reads maps before anything is dropped"
            raise SynthError(message, "leave `--dropout` out, or use `--criterion mse`")
        criterion(config.criterion, given, student)


def record_teacher(
    folder: Path,
    teacher: Teacher,
    texts: TextPair,
    points: Sequence[HookPoint],
    limit: int | None,
    progress: Progress,
) -> CachePair:
    """Record the teacher once, on both texts; `limit` is in bytes."""

    def report(what: str, done: int, total: int | None, note: str = "") -> None:
        progress("recording the teacher", done, total)

    train, held_out = (
        build_cache(folder / kind, teacher, text, points, limit, report)
        for kind, text in zip(("train", "held-out"), texts, strict=True)
    )
    return train, held_out


def record_student_input(
    folder: Path,
    teacher: Teacher,
    texts: TextPair,
    teacher_caches: CachePair,
    stack: str,
    layer: int,
    done: list[DistilledBlock],
    config: DistillConfig,
) -> CachePair:
    """Record the student up to a block, with the targets that its conditions give."""
    model, point = assemble_student(teacher, stack, done), HookPoint(stack, layer, "mixer-in")
    train, held_out = (
        record_inputs(
            folder / kind, teacher, model, teacher_cache, text, point, config.conditioned, config.cache_limit
        )
        for kind, teacher_cache, text in zip(("train", "held-out"), teacher_caches, texts, strict=True)
    )
    return train, held_out


def assemble_student(teacher: Teacher, stack: str, done: list[DistilledBlock]) -> nn.Module:
    """Return the teacher with the students there are so far."""
    mixers = {one.block: (one.config, one.student) for one in done}
    return with_mixers(teacher.model, teacher.config, mixers, stack)
