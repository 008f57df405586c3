"""How long work takes on a device."""

import statistics
import time
from collections.abc import Callable

import torch

WARM_UP = 3
WORTH_MEASURING = 0.02  # seconds that one sample takes at least


def seconds(work: Callable[[], object], device: torch.device, samples: int = 9) -> float:
    """Return the median time of one call, out of samples of as many calls as make a sample long enough."""
    for _ in range(WARM_UP):
        work()
    calls = max(1, round(WORTH_MEASURING / max(sample(work, device, 1), 1e-6)))
    return statistics.median(sample(work, device, calls) for _ in range(samples)) / calls


def sample(work: Callable[[], object], device: torch.device, calls: int) -> float:
    """Return the seconds of some calls: by the device's own clock on CUDA."""
    if device.type != "cuda":
        began = time.perf_counter()
        for _ in range(calls):
            work()
        return time.perf_counter() - began
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(calls):
        work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3


def copy_bandwidth(device: torch.device, size: int) -> float:
    """Return the bytes a second, read and written, of copying `size` bytes within the device's memory."""
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / seconds(lambda: target.copy_(source), device)
