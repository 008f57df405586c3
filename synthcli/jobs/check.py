"""Hold a model to what every model promises, and say of each promise whether it is kept."""

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
class Finding:
    """One promise of a model; `detail` is what was measured, or what went wrong."""

    promise: str
    is_kept: bool
    detail: str
    seconds: float


@dataclass(frozen=True)
class Size:
    """Parameters of a model, and of the `layers` deep one that one promise is about; `memory` in bytes."""

    parameters: int
    deep_parameters: int
    layers: int
    memory: int


def size(experiment: Experiment) -> Size:
    """Tell how large the models to be checked are, before one is made."""
    deep = experiment.model_copy(update={"model": deeper(experiment.model, DEPTH)})
    own, most = parameters_of(experiment).total, parameters_of(deep).total
    return Size(own, most, DEPTH, BYTES * max(own, most))


def findings(config: ModelConfig) -> list[Finding]:
    """Try every promise that means something for a model."""
    with torch.random.fork_rng(devices=[]):
        return [tried(promise, check, config) for promise, check in checks_of(config).items()]


def tried(promise: str, check: Check, config: ModelConfig) -> Finding:
    """Try one promise; whatever a check raises is an answer, and the others are still worth knowing."""
    start = time.perf_counter()
    try:
        is_kept, detail = True, check(config)
    except ContractError as error:
        is_kept, detail = False, str(error)
    except Exception as error:
        is_kept, detail = False, described(error)
    return Finding(promise, is_kept, detail, time.perf_counter() - start)


def described(error: Exception) -> str:
    """Return what an exception says and the file and line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
