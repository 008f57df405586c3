"""Which implementation of an operation runs: `SYNTH_KERNELS` is auto (the default), native or reference."""

from synthcli.errors import SynthError
from synthcli.kernels.choice import VARIABLE, mode
from synthcli.kernels.library import Kind, Unavailable, load
from synthcli.model.ops.constant import assume_constant_result

KINDS: dict[str, Kind] = {"cpu": "cpu", "cuda": "cuda", "meta": "cpu"}


@assume_constant_result
def uses_kernels(device_type: str) -> bool:
    """Return whether tensors of this device go to a native kernel; raise where one is required and absent."""
    wanted = mode()
    if wanted == "reference":
        return False
    reason = why_not(device_type)
    if reason is not None and wanted == "native":
        hint = f"run `synth kernels build`, or unset `{VARIABLE}` for the implementation in plain torch"
        raise SynthError(f"`{VARIABLE}=native`, and there is no kernel for {device_type}: {reason}", hint)
    return reason is None


def why_not(device_type: str) -> str | None:
    """Return why there is no kernel for tensors of this device, or None."""
    if device_type not in KINDS:
        return f"none is written for `{device_type}`"
    try:
        load(KINDS[device_type])
    except Unavailable as error:
        return str(error)
    return None


def description(device_type: str) -> str:
    """Say in a few words what runs the recurrence of tensors on this device."""
    reason = f"`{VARIABLE}=reference`" if mode() == "reference" else why_not(device_type)
    return f"native ({load(KINDS[device_type]).target})" if reason is None else f"plain torch ({reason})"
