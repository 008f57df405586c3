"""The bar of an evaluation."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class EvaluationBar:
    """Shows examples done on a bar."""

    def __init__(self, progress: "Progress", name: str) -> None:
        self.progress, self.task = progress, progress.add_task(name, total=None, rate="")

    def __call__(self, what: str, done: int, total: int | None, note: str = "") -> None:
        self.progress.update(self.task, completed=done, total=total)
