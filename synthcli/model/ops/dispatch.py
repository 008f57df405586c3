"""Which implementation of an operation runs: `SYNTH_KERNELS` is auto (the default), native or reference."""

import os
import warnings
from functools import cache

from synthcli.errors import SynthError
from synthcli.kernels.choice import VARIABLE, PlainTorchWarning, mode
from synthcli.kernels.library import Kind, Unavailable, find_refusal, load_library
from synthcli.kernels.remedy import remedy, slow_on_gpu
from synthcli.model.ops.constant import assume_constant_result

KINDS: dict[str, Kind] = {"cpu": "cpu", "cuda": "cuda", "meta": "cpu"}


@assume_constant_result
def uses_kernels(device_type: str, index: int | None = None) -> bool:
    """Return whether tensors of this device go to a native kernel; raise where one is required and absent.

    On a GPU without one a PlainTorchWarning is given, once for each reason.
    """
    wanted = mode()
    if wanted == "reference":
        return False
    reason = why_not(device_type, index)
    if reason is not None and wanted == "native":
        hint = f"unset `{VARIABLE}` for the implementation in plain torch"
        if device_type in KINDS:
            hint = f"{remedy(KINDS[device_type])}; or {hint}"
        raise SynthError(f"`{VARIABLE}=native`, and there is no kernel for {device_type}: {reason}", hint)
    if reason is not None and device_type == "cuda":
        warn_slow(reason)
    return reason is None


def why_not(device_type: str, index: int | None = None) -> str | None:
    """Return why there is no kernel for tensors of this device, None being the current one; or None."""
    if device_type not in KINDS:
        return f"none is written for `{device_type}`"
    try:
        return find_refusal(KINDS[device_type], index) or None
    except Unavailable as error:
        return str(error)


@cache
def warn_slow(reason: str) -> None:
    """Warn that a GPU runs the recurrence without its kernel: once, in the first of several processes."""
    if os.environ.get("RANK", "0") == "0":
        warnings.warn(slow_on_gpu(reason), PlainTorchWarning, stacklevel=2)


def description(device_type: str, index: int | None = None) -> str:
    """Say in a few words what runs the recurrence of tensors on this device, None being the current one."""
    reason = f"`{VARIABLE}=reference`" if mode() == "reference" else why_not(device_type, index)
    if reason is not None:
        return f"plain torch ({reason})"
    return f"native ({load_library(KINDS[device_type], index).target_on(index)})"
