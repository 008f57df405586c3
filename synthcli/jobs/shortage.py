"""What is said where memory ends while a run is made: what is kept of it, and the command that goes on."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from synthcli.device import device_words
from synthcli.errors import OutOfMemoryError
from synthcli.memory import within_memory
from synthcli.presets import load_preset
from synthcli.presets.compare import flat
from synthcli.presets.schema import Experiment
from synthcli.runs import Run
from synthcli.runs.run import is_main_process

SIZES = ("data.batch.micro_size", "training.validation_batch_size")
FEWER = "reads fewer examples at once"
LARGER = "a smaller model, or a device with more memory, is what helps: `synth plan` says how large one is"


@contextmanager
def resumable(run: Run, verb: str, experiment: Experiment) -> Iterator[None]:
    """Name what needs less memory, and the command by which a training of `verb` then goes on."""
    try:
        yield
    except OutOfMemoryError as error:
        hint = _hint(run, verb, experiment, error.setting)
        raise OutOfMemoryError(error.message, hint, error.setting) from error


def _hint(run: Run, verb: str, experiment: Experiment, setting: str) -> str:
    if not setting:
        return LARGER
    if not is_main_process():  # its run has another name
        return f"`--set {setting}` {FEWER}"
    goes_on = "begins it again" if run.last is None else "goes on after its last checkpoint"
    words = ["synth", verb, "--resume", str(run.path), *device_words()]
    if verb != "train":  # it takes no settings: those of a run are in its preset
        table, _, line = setting.rpartition(".")
        written = line.replace("=", " = ")
        return f"write `{written}` below `[{table}]` in `{run.preset}`, then `{shlex.join(words)}` {goes_on}"
    for one in (*_set_already(run, experiment, setting), setting):
        words += ["--set", one]
    return f"`{shlex.join(words)}` {FEWER}, and {goes_on}"


def _set_already(run: Run, experiment: Experiment, setting: str) -> Iterator[str]:
    """Yield what was set in place of the run's own preset to need less memory, but for what is set anew."""
    own, now = (flat(one.model_dump(mode="json")) for one in (load_preset(str(run.preset)), experiment))
    for key in SIZES:
        if now[key] != own[key] and not setting.startswith(f"{key}="):
            yield f"{key}={now[key]}"


@contextmanager
def suggest_less(options: Mapping[str, int]) -> Iterator[None]:
    """Name the options of a command of which half would need less memory; those that are 1 are left out."""
    helps = [f"`{option} {number // 2}`" for option, number in options.items() if number > 1]
    with within_memory(f"{' or '.join(helps)} needs less" if helps else LARGER):
        yield


@contextmanager
def suggest_less_text(lengths: npt.NDArray[np.int64]) -> Iterator[None]:
    """Name what needs less memory where a student is made: shorter texts, or fewer of them in a step."""
    with suggest_less({"--max-length": int(lengths.max())}):
        try:
            yield
        except OutOfMemoryError as error:
            _, _, rows = error.setting.partition("data.batch.micro_size=")
            hint = f"`--batch-size {rows}` needs less" if rows else LARGER
            raise OutOfMemoryError(error.message, hint) from error
