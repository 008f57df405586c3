"""What claims measure beside the metrics of an evaluation: a value a seed for every arm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from synthcli.jobs.ledger.start_measures import attention_distance, position_similarity
from synthcli.jobs.ledger.student_measures import student_error, teacher_divergence
from synthcli.jobs.ledger.trajectories import largest_gain_ratio, smallest_gain
from synthcli.jobs.reproduce.rows import time_steps
from synthcli.jobs.train import Observer
from synthcli.presets.schema import Experiment

ROUNDS = 20  # steps of each arm that are timed, in turn

Arms = Mapping[str, Sequence[Experiment]]
"""The experiments of each arm, a seed each."""

Values = dict[str, list[float]]
"""The value of each arm by seed; of times by round, all arms having been timed in each."""


@dataclass(frozen=True)
class Measure:
    """`take` measures; what is timed is measured with nothing beside it, what is quick trains nothing.

    `has_teacher`: what is measured is a student, whose teacher is trained first. What is positive and varies
    by factors is compared by its natural logarithm (`by_factor`).
    """

    word: str
    unit: str
    higher_is_better: bool
    take: Callable[[Arms, Observer], Values]
    is_timed: bool = False
    is_quick: bool = False
    has_teacher: bool = False
    by_factor: bool = False


def _steps_per_second(arms: Arms, observer: Observer) -> Values:
    """Return how many steps a second each arm takes, round by round, arms in turn."""
    firsts = {arm: experiments[0] for arm, experiments in arms.items()}
    return {arm: [1 / one for one in taken] for arm, taken in time_steps(firsts, observer, ROUNDS).items()}


def _by_experiment(take: Callable[[Experiment, Observer], float]) -> Callable[[Arms, Observer], Values]:
    """Return what measures each seed of each arm by itself."""

    def take_all(arms: Arms, observer: Observer) -> Values:
        return {arm: [take(one, observer) for one in experiments] for arm, experiments in arms.items()}

    return take_all


def _of_student(word: str, unit: str, take: Callable[[Experiment, Observer], float]) -> Measure:
    return Measure(word, unit, False, _by_experiment(take), has_teacher=True, by_factor=True)


MEASURES: Mapping[str, Measure] = {
    one.word: one
    for one in (
        Measure("steps-per-second", "steps a second", True, _steps_per_second, is_timed=True, is_quick=True),
        Measure(
            "attention-distance",
            "of the input's norm",
            False,
            _by_experiment(attention_distance),
            is_quick=True,
        ),
        Measure("position-similarity", "cosine", False, _by_experiment(position_similarity), is_quick=True),
        _of_student("student-error", "ln NMSE", student_error),
        _of_student("teacher-kl", "ln KL", teacher_divergence),
        Measure("gain-ratio", "β/α", False, _by_experiment(largest_gain_ratio)),
        Measure("smallest-gain", "of its start", True, _by_experiment(smallest_gain)),
    )
}
