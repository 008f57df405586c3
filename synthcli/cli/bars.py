"""Progress bars that fit a line: counts and the time left stay whole."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from synthcli.visible import visible

LEAST_BAR, TIME, GAPS = 4, 7, 4  # columns of a line
PART = " · "  # between the parts of a rate


class Bars(Progress):
    """What each task is called, a bar, the count, a field `rate`, and the time left.

    Where lines have too little room, bars shrink, then rates lose their last parts, then names their end.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            FittedColumn(self, 0),
            BarColumn(),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            FittedColumn(self, 1),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            **settings,
        )

    def fit(self, task: Task) -> tuple[str, str]:
        """Return the name and the rate of a task, as long as those of all tasks together may be."""
        tasks = [task, *(one for one in self.tasks if one.visible)]
        names = [visible(one.description) for one in tasks]
        rates = [visible(str(one.fields["rate"])) for one in tasks]
        counts = max(cell_len(MofNCompleteColumn().render(one).plain) for one in tasks)
        room = self.console.width - LEAST_BAR - TIME - GAPS - counts
        names, rates = fit_texts(names, rates, room)
        return names[0], rates[0]


class FittedColumn(TextColumn):
    """The name of a task, or its rate, as far as there is room."""

    def __init__(self, bars: Bars, which: int) -> None:
        super().__init__("", table_column=Column(no_wrap=True))
        self.bars, self.which = bars, which

    def render(self, task: Task) -> Text:
        return Text(self.bars.fit(task)[self.which], style=self.style, justify=self.justify)


def fit_texts(names: Sequence[str], rates: Sequence[str], room: int) -> tuple[list[str], list[str]]:
    """Return names and rates of which the widest two together take no more columns than there are."""
    most = max(rate.count(PART) for rate in rates) + 1
    for parts in range(most, 0, -1):
        kept = [PART.join(rate.split(PART)[:parts]) for rate in rates]
        left = room - max(map(cell_len, kept))
        if max(map(cell_len, names)) <= left:
            break
    return [_cut(name, max(left, 1)) for name in names], kept


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
