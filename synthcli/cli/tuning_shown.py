"""What `synth tune` and `synth compare --tune` print of trials."""

import shlex
from collections.abc import Mapping
from typing import Any

from synthcli.cli import screen


def show_tuning(table: Mapping[str, Any]) -> None:
    """Print the trials of every arm, the best marked, and what to look at again."""
    from synthcli.jobs.tune_words import best_of_k_cells, cells, headers, warnings_of

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


def next_command(arm: Mapping[str, Any], own: tuple[str, ...], scale: str | None, asked: list[str]) -> str:
    """Return the command that trains an arm with its best settings."""
    settings = [*asked, *own, *arm["best"]["settings"]]
    words = ["synth", "train", arm["preset"], *(["--scale", scale] if scale else [])]
    return shlex.join([*words, *(word for setting in settings for word in ("--set", setting))])
