"""What a profile of some steps says: how busy the device was, what it waited for, what took its time."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.record import Row

# calls by which the host waits for the device
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy")
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
ATTENTION = ("flash", "fmha", "attention", "cudnn", "softmax")  # in the names of its kernels
SHOWN = 12


@dataclass(frozen=True)
class Span:
    """Something that took a time, in microseconds of one clock."""

    name: str
    start: float
    end: float


def busy(spans: Iterable[Span]) -> float:
    """Return the microseconds in which at least one span ran."""
    total, reached = 0.0, float("-inf")
    for span in sorted(spans, key=lambda one: one.start):
        total += max(0.0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total


def top(spans: Iterable[Span], steps: int) -> list[Row]:
    """Return the names that took the most time: milliseconds and calls a step."""
    taken, calls = Counter[str](), Counter[str]()
    for span in spans:
        taken[span.name] += span.end - span.start  # type: ignore[assignment]
        calls[span.name] += 1
    return [
        {
            "name": name[:120],
            "milliseconds": round(spent / steps / 1e3, 4),
            "calls": round(calls[name] / steps, 1),
        }
        for name, spent in taken.most_common(SHOWN)
    ]


def record(work: Callable[[], None], device: torch.device, steps: int) -> Row:
    """Run work of so many steps under torch's profiler; the shares are of the time by its own clock.

    On a processor what counts as busy is the time within torch's operations.
    """
    is_cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_cuda else [])]
    with profile(activities=activities) as profiled:
        work()
    return summarise(list(profiled.events() or ()), is_cuda, steps)


def summarise(events: list[Any], is_cuda: bool, steps: int) -> Row:
    """Return what the events of a profile say, a step."""
    wanted = DeviceType.CUDA if is_cuda else DeviceType.CPU
    spans = [
        Span(one.name, one.time_range.start, one.time_range.end)
        for one in events
        if one.device_type == wanted and not one.is_user_annotation and (is_cuda or one.cpu_parent is None)
    ]
    if not spans:
        return {"result": "failed", "reason": "the profile holds nothing that ran on the device"}
    host = Counter(one.name for one in events if one.device_type == DeviceType.CPU)
    begin = min(one.time_range.start for one in events)
    window = max(one.time_range.end for one in events) - begin
    return {
        "busy": round(busy(spans) / window, 3),
        "profiled_milliseconds": round(window / steps / 1e3, 3),
        "waits": {name: round(host[name] / steps, 1) for name in WAITS if host[name]},
        "launches": round(sum(host[name] for name in LAUNCHES) / steps, 1),
        "top": top(spans, steps),
        "attention": sorted(
            {span.name[:120] for span in spans if any(word in span.name.lower() for word in ATTENTION)}
        ),
    }
