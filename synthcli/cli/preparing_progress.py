"""The bar of a preparation: what is being done, how much, how fast, and the time left."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

MILLION = 1e6


class PreparationBar:
    """Shows on a bar what is being done, and rows, bytes and tokens a second where they are counted."""

    def __init__(self, bar: "Progress", name: str) -> None:
        self.bar, self.name, self.what, self.since = bar, name, "", time.monotonic()
        self.task: TaskID | None = None
        self.finished = self.first = 0  # rows in finished shards; rows when this began
        self.counts: Mapping[str, int] = {}
        self.counts_before: Mapping[str, int] | None = None  # what an earlier preparation had finished

    def __call__(self, what: str, done: int, total: int | None, note: str = "") -> None:
        if what != self.what:
            self.what, self.since, self.first = what, time.monotonic(), done
            if self.task is not None:  # rich keeps the total of a task that is reset
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task(self.name, total=total, rate="")
        assert self.task is not None
        self.bar.update(
            self.task,
            description=f"{self.name}: {what}",
            completed=done,
            total=total,
            rate=self.rate(done, max(time.monotonic() - self.since, 1e-3)),
        )

    def count(self, counts: Mapping[str, int]) -> None:
        """Take what finished shards hold."""
        self.counts, self.finished = dict(counts), counts.get("rows", 0)
        if self.counts_before is None:
            self.counts_before = self.counts

    def rate(self, done: int, seconds: float) -> str:
        """Return how fast it goes, without what was done before."""
        if done == self.first:
            return ""
        rates = [f"{(done - self.first) / seconds:,.0f} rows/s"]
        for name, unit in (("bytes", "MB"), ("tokens", "M tokens")):
            made = self.counts.get(name, 0) - (self.counts_before or {}).get(name, 0)
            if made:
                rates.append(f"{made / seconds / MILLION:,.1f} {unit}/s")
        return " · ".join(rates)
