"""Trainings of another length: settings that make an experiment shorter or longer, with its schedule."""

import math

from synthcli.presets.planning import plan_training
from synthcli.presets.schema import Experiment


def settings_for_steps(experiment: Experiment, steps: int) -> tuple[str, ...]:
    """Return `KEY=VALUE` settings for `steps` steps: warm-up is the same share of them, the peak stays.

    A schedule that ends at `floor` does so in the last of them, so that every length is annealed.
    """
    schedule, planned = experiment.training.schedule, plan_training(experiment).steps
    before = experiment.training.steps if planned is None else planned
    if before is None:
        raise ValueError(f"nobody knows how many steps `{experiment.name}` has before its corpus is prepared")
    settings = [f"training.steps={steps}"]
    warmup = max(1, round(schedule.warmup_steps * steps / before)) if schedule.warmup_steps else 0
    settings.append(f"training.schedule.warmup_steps={warmup}")
    if schedule.kind == "noam":  # its peak is factor · (d_model · warmup_steps)^-½
        factor = schedule.factor * math.sqrt(warmup / schedule.warmup_steps)
        settings.append(f"training.schedule.factor={factor!r}")
    return tuple(settings)
