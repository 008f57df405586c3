"""What stands in for the screen while a reproduction is carried out."""

from dataclasses import dataclass, field


@dataclass
class Told:
    """Keeps what it is told: lines for people, and what each part came to."""

    lines: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    counts: list[tuple[int, int]] = field(default_factory=list)

    def begin(self, part: str) -> "Told":
        return self

    def end(self, part: str, outcome: str, ended: int, parts: int) -> None:
        self.ended[part] = outcome
        self.counts.append((ended, parts))

    def say(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, what: str, done: int, total: int | None, note: str = "") -> None:
        pass


class Interrupts(Told):
    """Is Ctrl-C after so many steps."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def begin(self, part: str) -> Told:
        outer = self

        class Line(Told):
            def progress(self, what: str, done: int, total: int | None, note: str = "") -> None:
                outer.left -= what.startswith("training")
                if outer.left == 0:
                    raise KeyboardInterrupt

        return Line()
