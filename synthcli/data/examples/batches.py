"""Which rows make optimizer step n: a pure function of (seed, epoch, position), so that resuming is free."""

from functools import lru_cache
from threading import Lock

import numpy as np
import numpy.typing as npt

from synthcli.data.config import BatchConfig
from synthcli.data.store.ragged import Indices
from synthcli.errors import SynthError

# Rows of similar length are looked for among this many batches: enough to lose little to padding,
# few enough that an epoch's order stays random.
POOL = 100


class Batches:
    """The batches of every epoch; `lengths` are tokens per example.

    In order, every epoch is read from the first example to the last: segments of streams need it. While
    batches grow over `steps`, one may end an epoch and begin the next.
    """

    def __init__(
        self,
        lengths: npt.NDArray[np.integer],
        config: BatchConfig,
        seed: int,
        *,
        in_order: bool = False,
        steps: int | None = None,
    ) -> None:
        if not len(lengths):
            raise SynthError("there are no examples to make batches of", "prepare a corpus with more rows")
        self.lengths, self.config, self.seed = np.asarray(lengths), config, seed
        self.in_order = in_order
        longest = int(self.lengths.max())
        if config.max_tokens is not None and longest > config.max_tokens:
            raise SynthError(
                f"`data.batch.max_tokens = {config.max_tokens}` is less than the longest example's {longest}",
                f"set it to at least {longest}, or lower `max_length`",
            )
        self._epoch = lru_cache(maxsize=2)(self._cut_batches)
        self._order = lru_cache(maxsize=2)(self._draw_order)
        self._starts = None if config.ramp is None else _ramp_starts(config, steps)
        self._lock = Lock()  # two threads may ask
        self._ends: list[int] = []  # with max_tokens: the step after the last of each epoch so far

    def steps_per_epoch(self, epoch: int = 0) -> int:
        """Count the steps that begin in an epoch; with `max_tokens` and while batches grow, epochs differ."""
        if self._starts is not None:
            ends = np.array([epoch, epoch + 1]) * len(self.lengths)
            return int(np.diff(np.searchsorted(self._starts[:-1], ends)).item())
        if self.config.size is not None:
            return -(-len(self.lengths) // self.config.size)
        return len(self._epoch(epoch))

    def at(self, step: int) -> tuple[int, Indices]:
        """Return the epoch and the rows of optimizer step `step`, counted from 0 over all epochs."""
        if self._starts is not None:
            return self._between(*self._starts[step : step + 2].tolist())
        epoch, position = self._place(step)
        return epoch, self._epoch(epoch)[position]

    def epochs_at(self, step: int) -> Indices:
        """Return the epoch of each row of a step: while batches grow, two may meet in one."""
        if self._starts is not None:
            return np.arange(*self._starts[step : step + 2].tolist()) // len(self.lengths)
        epoch, rows = self.at(step)
        return np.full(len(rows), epoch)

    def _between(self, start: int, stop: int) -> tuple[int, Indices]:
        """Return rows by their numbers over all epochs, and the epoch of the first."""
        rows = len(self.lengths)
        epochs = range(start // rows, -(-stop // rows))
        parts = [self._order(e)[max(0, start - e * rows) : stop - e * rows] for e in epochs]
        return epochs[0], np.concatenate(parts)

    def _place(self, step: int) -> tuple[int, int]:
        if self.config.size is not None:
            return divmod(step, self.steps_per_epoch())
        with self._lock:
            while not self._ends or self._ends[-1] <= step:
                start = self._ends[-1] if self._ends else 0
                self._ends.append(start + self.steps_per_epoch(len(self._ends)))
        epoch = int(np.searchsorted(self._ends, step, side="right"))
        return epoch, step - (self._ends[epoch - 1] if epoch else 0)

    def _draw_order(self, epoch: int) -> Indices:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.lengths))

    def _cut_batches(self, epoch: int) -> list[Indices]:
        generator = np.random.default_rng([self.seed, epoch])
        order = np.arange(len(self.lengths)) if self.in_order else generator.permutation(len(self.lengths))
        if self.config.group_by_length:
            order = self._sort_in_pools(order)
        batches = self._by_size(order) if self.config.size is not None else self._by_tokens(order)
        return _shuffle_batches(batches, generator) if self.config.group_by_length else batches

    def _sort_in_pools(self, order: Indices) -> Indices:
        rows = self.config.size or max(1, (self.config.max_tokens or 0) // max(1, int(self.lengths.mean())))
        pools = (order[start : start + rows * POOL] for start in range(0, len(order), rows * POOL))
        return np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])

    def _by_size(self, order: Indices) -> list[Indices]:
        size = self.config.size or 0
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _by_tokens(self, order: Indices) -> list[Indices]:
        budget, cuts, start, longest = self.config.max_tokens or 0, [0], 0, 0
        for place, length in enumerate(self.lengths[order].tolist()):
            longest = max(longest, length)
            if (place - start + 1) * longest > budget:
                cuts.append(place)
                start, longest = place, length
        return [order[i:j] for i, j in zip(cuts, [*cuts[1:], len(order)], strict=True)]


def _shuffle_batches(batches: list[Indices], generator: np.random.Generator) -> list[Indices]:
    """Shuffle whole batches; the last, which may be short, stays last."""
    *full, last = batches
    return [full[i] for i in generator.permutation(len(full))] + [last]


def split(indices: Indices, rank: int, world: int, micro_size: int | None) -> list[Indices]:
    """Return the micro-batches of one process of `world`; all processes get equally many, some empty."""
    longest = -(-len(indices) // world)
    size = micro_size or max(1, longest)
    mine = indices[rank::world]
    return [mine[start : start + size] for start in range(0, max(1, longest), size)]


def split_in_order(indices: Indices, rank: int, world: int, micro_size: int | None) -> list[Indices]:
    """Return micro-batches of neighbours: those of all processes, one after the other, are `indices`.

    All processes get equally many, the last of some empty where shares differ.
    """
    longest = -(-len(indices) // world)
    parts = -(-longest // (micro_size or max(1, longest)))
    return np.array_split(np.array_split(indices, world)[rank], max(1, parts))


def _ramp_starts(config: BatchConfig, steps: int | None) -> Indices:
    """Return how many rows are read before each step, and before the one after the last, of growing batches.

    size_t = from + (size − from) · min(1, t / (until · steps)),  rounded, for t = 0, 1, ...
    (Geiping and Goldstein 2022, section 4.3)
    """
    if config.ramp is None or config.size is None or steps is None:
        raise SynthError(
            "`data.batch.ramp` needs `training.steps`: it lasts a fraction of them",
            "set `training.steps`, and leave `training.epochs` out",
        )
    done = np.minimum(1.0, np.arange(steps) / (config.ramp.until * steps))
    sizes = np.rint(config.ramp.first + (config.size - config.ramp.first) * done).astype(np.int64)
    return np.concatenate([[0], np.cumsum(sizes)])
