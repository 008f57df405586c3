"""A student that no training made, saved as a run, which every other command accepts."""

import re
from typing import TypeVar

from torch import nn

from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.config import CompressConfig, DistillConfig, MergeConfig
from synthcli.compress.distill.distill_block import DistilledBlock
from synthcli.compress.distill.distill_blocks import TextPair
from synthcli.compress.merge.merge_spans import MergedLayer
from synthcli.compress.teacher import Teacher
from synthcli.data.config import DataConfig
from synthcli.device import describe_gpu
from synthcli.evaluation.config import EvaluationConfig
from synthcli.jobs.compress.report_types import (
    DistillResult,
    LayerFigures,
    MergeResult,
    SplitCounts,
    StudentText,
)
from synthcli.jobs.compress.texts import experiment_of
from synthcli.jobs.finetune import METRIC_OF_TASK, validate_adapted
from synthcli.model import ModelConfig
from synthcli.model.interface import get_config
from synthcli.presets.schema import Experiment
from synthcli.runs import RESULT, Run, start_run
from synthcli.training.checkpoints import step_name, tidy, write_model
from synthcli.training.config import TrainingConfig
from synthcli.training.schedules import LinearScheduleConfig
from synthcli.training.weights import weights_of

# how a student of a folder that no run of ours made is trained on, where nobody says
TRAINING = TrainingConfig(steps=1000, schedule=LinearScheduleConfig(peak=1e-4, warmup_steps=40))


Made = TypeVar("Made", DistillConfig, MergeConfig)


def label_of(teacher: Teacher) -> str:
    """Return a word for a teacher that may stand in the name of a run."""
    experiment = experiment_of(teacher)
    word = experiment.name if experiment is not None else teacher.path.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", word).strip("-.") or "teacher"


def as_made(config: Made, teacher: Teacher, data: DataConfig, text: Calibration) -> Made:
    """Return settings as a student's preset keeps them: nothing of them is of this machine or left open."""
    return config.model_copy(
        update={
            "teacher": str(teacher.path),
            "corpus": data.corpus,
            "source": None,
            "max_length": text.max_length,
            "limit": text.limit,
            "cache_limit": None,
        }
    )


def text_table(data: DataConfig, texts: TextPair) -> StudentText:
    """Return the text that a student was made on, for its result."""
    train, _ = texts
    learnt, judged = (count_text(text) for text in texts)
    return {
        "corpus": data.corpus,
        "store": train.store.hash,
        "layout": train.layout,
        "max_length": train.max_length,
        "learnt_from": learnt,
        "judged_by": judged,
    }


def count_text(text: Calibration) -> SplitCounts:
    """Return how much of a split is read."""
    return {"split": text.split, "sequences": len(text.lengths), "tokens": int(text.lengths.sum())}


def figures_of(one: DistilledBlock | MergedLayer) -> LayerFigures:
    """Return what a row of a result says of how a block or a layer was made."""
    return {
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


def student_experiment(
    name: str, title: str, teacher: Teacher, config: ModelConfig, data: DataConfig, compress: CompressConfig
) -> Experiment:
    """Return the experiment of a student: the teacher's, with another model, on the text it was made on."""
    base = experiment_of(teacher)
    table: dict[str, object] = {"scale": "paper", "training": TRAINING.model_dump()}
    table["evaluation"] = EvaluationConfig(metrics=(METRIC_OF_TASK[config.task],)).model_dump()
    if base is not None:
        table = base.model_dump() | {"paper": None, "start": None}
    return validate_adapted(
        table
        | {
            "name": name,
            "title": title,
            "model": config.model_dump(),
            "data": data.model_dump(),
            "compress": compress.model_dump(),
        }
    )


def save_student(
    experiment: Experiment, model: nn.Module, teacher: Teacher, result: DistillResult | MergeResult
) -> Run:
    """Write a new run: its preset, one checkpoint at step 0, and `results/compress.json`."""
    config = get_config(model)
    store = result["text"]["store"]

    def fill(run: Run) -> None:
        write_model(run.checkpoints / step_name(0), config, weights_of(model), teacher.tokenizer)
        tidy(run.checkpoints, keep=1)
        run.write_result(RESULT, result)
        run.note_session(
            teacher=teacher.name,
            teacher_hash=teacher.hash,
            store=store,
            from_step=0,
            steps=0,
            device=str(teacher.device),
            **describe_gpu(teacher.device),
        )
        run.finish(steps=0)

    return start_run(experiment, experiment.verb, store, fill)
