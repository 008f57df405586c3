"""Batches of the next step, made in a thread while a device computes this one.

Which they are is a function of the step alone, so that nobody's random numbers are disturbed, and a step that
is not the next one is simply made when it is asked for.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Ahead(Generic[Made]):
    """Calls `make` with a step before it is asked for; what it raises is raised by `at`."""

    def __init__(self, make: Callable[[int], Made], steps: int) -> None:
        self.make, self.steps = make, steps
        self.pool = ThreadPoolExecutor(1, "batches")
        self.begun: dict[int, Future[Made]] = {}

    def at(self, step: int) -> Made:
        """Return what belongs to a step, and begin the one after it."""
        own = self.begun.pop(step, None) or self.pool.submit(self.make, step)
        made = own.result()
        self.begun = {step + 1: self.pool.submit(self.make, step + 1)} if step < self.steps else {}
        return made

    def close(self) -> None:
        """End the thread."""
        self.pool.shutdown(cancel_futures=True)
