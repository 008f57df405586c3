"""What arms have equally: the settings that give each arm as much of it as the baseline has."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from synthcli.errors import SynthError, did_you_mean
from synthcli.jobs.compare.arms import Arm
from synthcli.jobs.compare.config import CompareConfig
from synthcli.jobs.compare.step_seconds import find_step_seconds
from synthcli.jobs.parallel.carry_out import Board
from synthcli.jobs.parallel.crew import threads_of_worker
from synthcli.presets.lengths import settings_for_steps
from synthcli.presets.planning import flops_of_sequence, parameters_of, plan_training
from synthcli.presets.schema import Experiment

Equal = Literal["steps", "tokens", "flops", "time", "parameters"]
EQUAL_FILE = "equal.json"
MULTIPLE = 8  # of the feed-forward width
WIDEST = 64  # times d_model
NEAR = 0.01  # of the baseline's parameters


def parse_equal(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is to be equal; of steps, tokens, FLOPs and time one alone says how long an arm trains."""
    for word in words:
        if word not in get_args(Equal):
            raise SynthError(f"`--equal {word}`: nothing is called so", did_you_mean(word, get_args(Equal)))
    lengths = [word for word in dict.fromkeys(words) if word != "parameters"]
    if len(lengths) > 1:
        message = f"`--equal {lengths[0]}` and `--equal {lengths[1]}` both say how long an arm trains"
        raise SynthError(message, "keep one of them; `--equal parameters` may stand beside it")
    return tuple(word for word in get_args(Equal) if word in words)


def equalise(config: CompareConfig, folder: Path, board: Board, jobs: int) -> CompareConfig:
    """Return the comparison whose arms have as much as the baseline of what `config.equal` names.

    Sizes come first, lengths after: a step of a wider model takes longer. Seconds of a step are measured once
    and kept in `folder`: the same command has the same arms.
    """
    if config.equal and config.arms[0].run is not None:
        raise SynthError("runs are compared as they are: `--equal` is of presets", "leave `--equal` out")
    if "parameters" in config.equal:
        config = _with(config, "parameters", _width_for)
    for what in config.equal:
        if what != "parameters":
            costs = _costs_of_steps(config, what, folder, board, jobs)
            config = _with(config, what, partial(_steps_for, costs))
    return config


@dataclass(frozen=True)
class Pair:
    """An arm and the baseline."""

    config: CompareConfig
    arm: Arm
    experiment: Experiment
    baseline: Experiment

    def with_settings(self, settings: Iterable[str]) -> Arm:
        return replace(self.arm, overrides=(*self.arm.overrides, *settings))

    def with_width(self, width: int) -> int:
        """Return how many parameters the arm has with this feed-forward width."""
        arm = self.with_settings([f"model.d_ff={width}"])
        return parameters_of(arm.experiment(self.config.scale, self.config.overrides, None)).total


def _with(config: CompareConfig, what: str, settings: Callable[[Pair], tuple[str, ...]]) -> CompareConfig:
    """Give every arm but the baseline the settings that make it equal; its own may not say otherwise."""
    baseline, *experiments = config.experiments
    arms = [config.arms[0]]
    for arm, experiment in zip(config.arms[1:], experiments, strict=True):
        pair = Pair(config, arm, experiment, baseline)
        found = settings(pair)
        _refuse_own(arm, what, found)
        arms.append(pair.with_settings(found))
    return replace(config, arms=tuple(arms))


def _refuse_own(arm: Arm, what: str, settings: tuple[str, ...]) -> None:
    own = {one.partition("=")[0].strip() for one in arm.overrides}
    both = next((key for key in (one.partition("=")[0] for one in settings) if key in own), None)
    if both is not None:
        message = f"arm `{arm.name}` sets `{both}`, and so would `--equal {what}`"
        raise SynthError(message, "leave one of them out")


def _width_for(pair: Pair) -> tuple[str, ...]:
    """Return the feed-forward width with which an arm has the parameters of the baseline, within 1 %."""
    wanted, own = parameters_of(pair.baseline).total, parameters_of(pair.experiment).total
    if own == wanted:
        return ()
    hint = f"give it a size of its own: `'{pair.arm.name}={pair.arm.preset}: model.d_model=…'`"
    if pair.experiment.model.d_ff is None:
        message = (
            f"arm `{pair.arm.name}` has {own:,} parameters and the baseline {wanted:,}: it has no `d_ff`"
        )
        raise SynthError(message + " to change", hint + ", or make it the baseline")

    width = _nearest_width(pair, wanted)
    if abs(pair.with_width(width) - wanted) > NEAR * wanted:
        message = (
            f"arm `{pair.arm.name}` cannot have the {wanted:,} parameters of the baseline: "
            f"with `model.d_ff={width}` it has {pair.with_width(width):,}"
        )
        raise SynthError(message, hint)
    return (f"model.d_ff={width}",)


def _nearest_width(pair: Pair, wanted: int) -> int:
    """Return the width, a multiple of eight, whose parameters are nearest to those wanted."""
    low, high = 1, WIDEST * pair.experiment.model.d_model // MULTIPLE
    while low < high:  # the narrowest that has as many
        middle = (low + high) // 2
        low, high = (low, middle) if pair.with_width(MULTIPLE * middle) >= wanted else (middle + 1, high)
    widths = (MULTIPLE * low, MULTIPLE * max(1, low - 1))
    return min(widths, key=lambda width: abs(pair.with_width(width) - wanted))


def _steps_for(costs: Mapping[str, float], pair: Pair) -> tuple[str, ...]:
    """Return the settings of as many steps as cost what the baseline's cost."""
    baseline, *_ = costs.values()
    before = plan_training(pair.baseline).steps
    assert before is not None  # it has a cost
    steps = max(1, round(before * baseline / costs[pair.arm.name]))
    return () if steps == plan_training(pair.experiment).steps else settings_for_steps(pair.experiment, steps)


def _costs_of_steps(
    config: CompareConfig, what: str, folder: Path, board: Board, jobs: int
) -> dict[str, float]:
    """Return what a step of each arm costs, in the unit of `what`; only ratios count."""
    arms = {arm.name: one for arm, one in zip(config.arms, config.experiments, strict=True)}
    for name, experiment in arms.items():
        if plan_training(experiment).steps is None:
            message = f"arm `{name}` trains for epochs of a corpus whose size nobody knows beforehand"
            raise SynthError(message, "say how long: `--set training.steps=…`")
    if what == "time":
        folders = [folder / "records"] if config.records is None else [config.records, folder / "records"]
        places = [one / EQUAL_FILE for one in folders]
        return find_step_seconds(arms, places, board, threads_of_worker(jobs)).seconds
    if what == "steps":
        return dict.fromkeys(arms, 1.0)
    return {name: _work_of_step(name, one, what, config.experiments[0]) for name, one in arms.items()}


def _work_of_step(name: str, experiment: Experiment, what: str, baseline: Experiment) -> float:
    """Return the tokens or FLOPs of a step: sequences a step times those of one."""
    of_sequence = 1.0 if what == "tokens" else flops_of_sequence(experiment.model)
    data, lengths = experiment.data, (experiment.model.max_source_length, experiment.model.max_target_length)
    if data.batch.size is not None:
        tokens = sum(length or 0 for length in lengths) if what == "tokens" else 1
        return data.batch.size * tokens * of_sequence
    same = (baseline.data, (baseline.model.max_source_length, baseline.model.max_target_length))
    if (data, lengths) == same:  # as many sequences a step as the baseline's, however many those are
        return of_sequence
    message = f"arm `{name}` has batches of `max_tokens` and other data or lengths than the baseline:"
    raise SynthError(f"{message} its {what} a step are not known beforehand", "set `data.batch.size` for all")
