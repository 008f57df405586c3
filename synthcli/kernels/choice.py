"""Which implementation of an operation is asked for, by `SYNTH_KERNELS`."""

import os
from typing import Literal, cast, get_args

from synthcli.errors import SynthError, did_you_mean

Mode = Literal["auto", "native", "reference"]
VARIABLE = "SYNTH_KERNELS"


class PlainTorchWarning(RuntimeWarning):
    """A GPU runs the recurrence without its kernel."""


def mode() -> Mode:
    """Return what the environment asks for."""
    value = os.environ.get(VARIABLE) or "auto"
    if value not in get_args(Mode):
        hint = did_you_mean(value, get_args(Mode))
        raise SynthError(f"`{VARIABLE}={value}` is no way to run kernels", hint)
    return cast(Mode, value)
