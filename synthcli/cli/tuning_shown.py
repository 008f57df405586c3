"""What `synth tune` and `synth compare --tune` print of trials."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from synthcli.cli import screen

if TYPE_CHECKING:
    from synthcli.jobs.tune.report_types import TunePlan, TuningReport

PLANNED = {  # of a tuning, and in words
    "parameters": "parameters",
    "steps": "steps",
    "flops": "FLOPs a run",
    "trials": "trials to make",
    "runs": "in whole runs",
    "hours": "hours",
}


def show_tuning(table: "TuningReport") -> None:
    """Print the trials of every arm, the best marked, and what to look at again."""
    from synthcli.jobs.tune.words import best_of_k_cells, cells, headers, warnings_of

    for arm in table["arms"]:
        head = headers(arm)
        right = frozenset(range(1, len(head)))
        screen.table(f"{arm['arm']}, {table['trials']} trials, * the best", head, cells(arm), right)
    rows = best_of_k_cells(table)
    if rows:
        head = ["arm", *map(str, range(1, table["trials"] + 1))]
        title = "Expected validation loss of the best of k trials"
        screen.table(title, head, rows, frozenset(range(1, len(head))), is_continued=True)
    for line in warnings_of(table):
        screen.warn(line)


def show_plan_of_tuning(plan: "TunePlan", as_json: bool) -> None:
    """Print what a tuning takes, and where it looks."""
    from synthcli.jobs.compare.words import number_words

    if as_json:
        return screen.data(json.dumps(plan, indent=2))
    table: Mapping[str, object] = plan
    cells = [[plan["arm"], *(number_words(table[key]) for key in PLANNED)]]
    screen.table(None, ["arm", *PLANNED.values()], cells, frozenset(range(1, 1 + len(PLANNED))))
    keys = list(plan["points"][0])
    rows = [
        [str(number), *(number_words(point[key]) for key in keys)]
        for number, point in enumerate(plan["points"], 1)
    ]
    return screen.table("Points", ["trial", *keys], rows, frozenset(range(1, 1 + len(keys))))
