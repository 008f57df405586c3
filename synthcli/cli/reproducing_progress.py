"""A reproduction on the screen: a line a part that is carried out, and how many have ended."""

import time
from typing import TYPE_CHECKING

from synthcli.cli import screen
from synthcli.cli.training_progress import SECONDS_BETWEEN_LINES

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ReproducingProgress:
    """Bars of what is being done, and a line for each part that has ended; lines alone without a terminal."""

    def __enter__(self) -> "ReproducingProgress":
        self.bars = screen.progress()
        self.bars.start()
        self.whole = self.bars.add_task("parts", total=None, rate="")
        self.lines: dict[str, Line] = {}
        return self

    def begin(self, part: str) -> "Line":
        self.lines[part] = Line(self.bars, part)
        return self.lines[part]

    def end(self, part: str, outcome: str, ended: int, parts: int) -> None:
        line = self.lines.pop(part)
        self.bars.remove_task(line.task)
        if not parts:  # it comes before them
            return screen.say(f"{part}: {outcome}")
        self.bars.update(self.whole, completed=ended, total=parts)
        return screen.say(f"{ended} of {parts}, {part}: {outcome}")

    def __exit__(self, *error: object) -> None:
        self.bars.stop()


class Line:
    """What one part does."""

    def __init__(self, bars: "Progress", part: str) -> None:
        self.bars, self.part, self.what = bars, part, ""
        self.task: TaskID = bars.add_task(part, total=None, rate="")
        self.said = time.monotonic()

    def say(self, line: str) -> None:
        screen.say(f"{self.part}: {line}")

    def progress(self, what: str, done: int, total: int | None, note: str = "") -> None:
        kind = what.partition(",")[0]
        if kind != self.what:
            self.what = kind
            self.bars.reset(self.task, total=total, completed=done)
        self.bars.update(self.task, description=f"{self.part}: {what}", completed=done, total=total)
        now = time.monotonic()
        if not screen.err.is_terminal and now - self.said > SECONDS_BETWEEN_LINES:
            self.said = now
            screen.say(f"{self.part}: {what}" + (f", {done:,} of {total:,}" if total else ""))
