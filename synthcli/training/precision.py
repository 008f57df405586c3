"""In which number format products are computed; weights, moments and losses are float32 in all of them."""

from dataclasses import dataclass
from typing import Literal

import torch

from synthcli.errors import SynthError
from synthcli.training.config import PrecisionName


@dataclass(frozen=True)
class Precision:
    """A format, and why it was taken: `description` is one phrase to show and to record."""

    name: Literal["fp32", "bf16", "fp16"]
    description: str

    @property
    def dtype(self) -> torch.dtype:
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.name]

    def autocast(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, self.dtype, enabled=self.name != "fp32")


def choose_precision(asked: PrecisionName, device: torch.device) -> Precision:
    """Return the format asked for; `auto` is bf16 where the device multiplies it natively, else fp32."""
    if asked == "fp16" and device.type != "cuda":
        message = f"`training.precision` = `fp16` needs a CUDA device, this training runs on `{device.type}`"
        raise SynthError(message, "set `training.precision=auto`: bf16 where the processor has it, else fp32")
    if asked != "auto":
        return Precision(asked, f"{asked}, as asked")
    where = "processor" if device.type == "cpu" else "device"
    if has_bf16(device):
        return Precision("bf16", f"bf16, which this {where} has")
    return Precision("fp32", f"fp32, since this {where} has no bf16")


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and processor_has_bf16()


def processor_has_bf16() -> bool:
    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # before get_capabilities there was this
    return bool(probe and probe())
