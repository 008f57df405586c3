"""Test the properties that every model must have, and say of each whether it holds."""

import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import torch

from synthcli.model.contract import DEPTH, Check, ContractError, checks_of, deeper
from synthcli.model_config.model import ModelConfig
from synthcli.presets.planning import parameters_of
from synthcli.presets.schema import Experiment

BYTES = 16  # a parameter of the deep model: 8 in float64, and in float32 4 for it and 4 for its gradient


@dataclass(frozen=True)
class PropertyFinding:
    """One property of a model; `detail` is what was measured, or what went wrong."""

    property: str
    holds: bool
    detail: str
    seconds: float


@dataclass(frozen=True)
class CheckSize:
    """Parameters of a model, and of the `layers` deep one that one property is about; `memory` in bytes."""

    parameters: int
    deep_parameters: int
    layers: int
    memory: int


def size(experiment: Experiment) -> CheckSize:
    """Tell how large the models to be checked are, before one is made."""
    deep = experiment.model_copy(update={"model": deeper(experiment.model, DEPTH)})
    own, most = parameters_of(experiment).total, parameters_of(deep).total
    return CheckSize(own, most, DEPTH, BYTES * max(own, most))


def findings(config: ModelConfig) -> list[PropertyFinding]:
    """Test every property that means something for a model."""
    with torch.random.fork_rng(devices=[]):
        return [_test_one(name, check, config) for name, check in checks_of(config).items()]


def _test_one(name: str, check: Check, config: ModelConfig) -> PropertyFinding:
    """Test one property; whatever a check raises is an answer, and the others are still worth knowing."""
    start = time.perf_counter()
    try:
        holds, detail = True, check(config)
    except ContractError as error:
        holds, detail = False, str(error)
    except Exception as error:
        holds, detail = False, _describe_error(error)
    return PropertyFinding(name, holds, detail, time.perf_counter() - start)


def _describe_error(error: Exception) -> str:
    """Return what an exception says and the file and line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
