"""Whether CUDA's driver and a GPU of this machine can run a library, and in words why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synthcli.kernels.abi import CUDA_ERROR

CURRENT = -1  # the device that the process works on
OLD_DRIVER, NO_DEVICE = 35, 100
NO_CODE = (200, 209, 222)  # nothing in the library for this GPU; or a PTX that the driver is too old for


@dataclass(frozen=True)
class Driver:
    """What a library for CUDA answers: a status, the name of a device, a version such as 13000 for 13.0."""

    usable: Callable[[int], int]
    target: Callable[[int], bytes]
    version: Callable[[int], int]
    explain: Callable[[int], str]

    def refusal(self, device: int, architectures: Sequence[str]) -> str:
        """Return why a library for these architectures cannot run on a device; nothing where it can."""
        status = self.usable(device)
        code = status - CUDA_ERROR
        if not status:
            return ""
        if code == OLD_DRIVER:
            return self._old_driver()
        if code == NO_DEVICE:
            return "CUDA finds no GPU"
        if code in NO_CODE:
            return _other_gpu(self.target(device).decode(), architectures)
        return self.explain(status)

    def _old_driver(self) -> str:
        known, needed = self.version(1), self.version(0)
        if not known:
            return "there is no driver of CUDA here"
        return f"the driver knows CUDA up to {_as_text(known)}, and the library needs {_as_text(needed)}"

    def advice(self) -> str:
        """Return what helps beside compiling anew with the nvcc at hand; nothing where that may."""
        code = self.usable(CURRENT) - CUDA_ERROR
        if code == OLD_DRIVER and self.version(1):
            older = "`NVCC=/path/to/nvcc synth kernels build` with the nvcc of an older CUDA"
            return f"update the driver, or {older}"
        unseen = {
            OLD_DRIVER: "install NVIDIA's driver",
            NO_DEVICE: "see to the driver and `CUDA_VISIBLE_DEVICES`",
        }
        return unseen.get(code, "")


def _other_gpu(target: str, architectures: Sequence[str]) -> str:
    numbers = [_architecture_number(one) for one in architectures]
    names = f": {' '.join(architectures)}" if architectures else ""
    if numbers and _architecture_number(target) < min(numbers):
        return f"the GPU is {target}, older than all that the library is compiled for{names}"
    return f"the GPU is {target}, which the library is not compiled for{names}"


def _architecture_number(architecture: str) -> int:
    return int("0" + "".join(filter(str.isdigit, architecture)))


def _as_text(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
