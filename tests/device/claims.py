"""What torch and accelerate say while the stand-in is there, as they do where there is a GPU."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from unittest import mock

import accelerate
import torch
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.utils import _foreach_utils

from synthcli.kernels.library import Kind
from synthcli.model.ops import dispatch

if TYPE_CHECKING:
    from tests.device.double import Device


class Placed(accelerate.Accelerator):
    """An accelerator that does not look for a device by itself: whoever makes it says which."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(cpu=not AcceleratorState._shared_state, mixed_precision="no")


def patches(device: "Device") -> list[AbstractContextManager[Any]]:
    """Return what has to be said otherwise."""
    kinds: dict[str, Kind] = {"cuda": "cpu"}
    groupings = ("torch.nn.utils.clip_grad", "torch.optim.optimizer")
    return [
        *(mock.patch(f"{name}._group_tensors_by_device_and_dtype", grouping(device)) for name in groupings),
        mock.patch.multiple(
            Tensor,
            create=True,
            device=property(device.device_of),
            is_cuda=property(device.holds),
            is_cpu=property(lambda tensor: not device.holds(tensor)),
            pin_memory=device_method(device.pin),
            is_pinned=device_method(device.is_pinned),
        ),
        mock.patch.multiple(
            torch.cuda,
            is_available=lambda: True,
            device_count=lambda: 1,
            current_device=lambda: 0,
            set_device=lambda _: None,
            is_bf16_supported=lambda *_, **__: True,
            get_device_name=lambda *_: "stand-in",
            get_device_capability=lambda *_: (9, 0),
            get_arch_list=lambda: ["sm_90"],
            max_memory_allocated=lambda *_: 0,
            synchronize=lambda *_: device.wait("synchronize"),
        ),
        mock.patch.object(torch, "clear_autocast_cache", device.autocast.forget),
        mock.patch.object(torch.autograd, "_engine_run_backward", device.calls.run_backward),
        mock.patch("accelerate.Accelerator", Placed),
        mock.patch.dict(dispatch.KINDS, kinds),
        mock.patch("synthcli.model.ops.native.library_of", lambda u: dispatch.load_library("cpu")),
        mock.patch.object(dispatch, "warn_slow", lambda reason: None),  # where the processor's is not built
    ]


def device_method(function: Any) -> Any:
    """Return a method of tensors that a device carries out."""
    return lambda tensor, *given, **named: function(tensor)


def grouping(device: "Device") -> Any:
    """Return torch's grouping of tensors by device, which asks C++ where they are."""

    def group(lists: Any, *options: Any, **named: Any) -> Any:
        found = _foreach_utils._group_tensors_by_device_and_dtype(lists, *options, **named)
        return {
            (device.device_of(next(t for t in given[0][0] if t is not None)), dtype): given
            for (_, dtype), given in found.items()
        }

    return group
