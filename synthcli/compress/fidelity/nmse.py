"""NMSE = Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over real tokens: 0 is the teacher, 1 what predicting the mean leaves."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from synthcli.compress.activations.cache import CPU, ActivationCache, batches_by_length, read_on
from synthcli.compress.activations.capture import context_of
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.data.store.ragged import Indices
from synthcli.device import device_of

ROWS = 8192  # at once


class NMSE:
    """Adds up batches in float64; the mean is that of all of them."""

    def __init__(self) -> None:
        self.count, self.wrong = 0, 0.0
        self.sum: Tensor | float = 0.0
        self.square = 0.0

    def add(self, predicted: Tensor, target: Tensor, padding: Tensor | None = None) -> None:
        """Take (…, length, width) of both, without padded positions."""
        if padding is None:
            predicted, target = predicted.flatten(0, -2), target.flatten(0, -2)
        else:
            predicted, target = predicted[~padding], target[~padding]
        y = target.double()
        self.count += len(y)
        self.wrong += float((y - predicted.double()).square().sum())
        self.sum = self.sum + y.sum(0)
        self.square += float(y.square().sum())

    @property
    def value(self) -> float:
        """Return the ratio; NaN where the targets do not vary."""
        assert isinstance(self.sum, Tensor), "nothing was added"
        spread = self.square - float(self.sum.square().sum()) / self.count
        return self.wrong / spread if spread > 0 else float("nan")


@torch.no_grad()
def nmse(
    student: nn.Module,
    cache: ActivationCache,
    source: HookPoint,
    target: HookPoint,
    indices: Indices | None = None,
) -> float:
    """Return the NMSE of a mixer over a cache, or over some of its sequences."""
    total = NMSE()
    for x, y, padding in passages(cache, source, target, indices, device_of(student)):
        total.add(student(x, context_of(source.stack, padding))[0], y, padding)
    return total.value


def variance_of(cache: ActivationCache, point: HookPoint) -> float:
    """Return E‖y − ȳ‖² over the real tokens of a cache: what the mean predictor leaves."""
    total: Tensor | float = 0.0
    square = 0.0
    for start in range(0, cache.rows, ROWS):
        y = cache.flat(point, start, start + ROWS).double()
        total, square = total + y.sum(0), square + float(y.square().sum())
    assert isinstance(total, Tensor), "there are no tokens"
    return square / cache.rows - float((total / cache.rows).square().sum())


def passages(
    cache: ActivationCache,
    source: HookPoint,
    target: HookPoint,
    indices: Indices | None = None,
    device: torch.device = CPU,
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Yield x and y (batch, length, width) with their padding, sequences of similar lengths together."""
    lengths = cache.lengths if indices is None else cache.lengths[indices]
    for batch in batches_by_length(lengths):
        chosen = batch if indices is None else indices[batch]
        x, padding = read_on(device, cache, source, chosen)
        yield x, read_on(device, cache, target, chosen)[0], padding
