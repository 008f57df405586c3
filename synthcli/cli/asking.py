"""Showing what is to be removed, and asking before it is."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer

from synthcli.cli import screen
from synthcli.cli.going_on import tell_how_to_go_on
from synthcli.errors import Stopped, SynthError

if TYPE_CHECKING:
    from synthcli.runs.removing import Removal


class Removable(Protocol):
    """What can be removed: where it is, and in which state."""

    @property
    def path(self) -> Path: ...

    @property
    def state(self) -> str: ...


Thing = TypeVar("Thing", bound=Removable)

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def say_damaged(rows: Sequence[Mapping[str, object]]) -> None:
    """Say of each row that is damaged why."""
    for row in rows:
        if row["kind"] == "damaged":
            screen.say(f"note: `{row['path']}` is {row['state']}")


def confirm(removals: "Sequence[Removal[Thing]]", yes: bool) -> None:
    """Say what would go and who will miss it, and ask; raise where nobody can be asked, end at a no."""
    from synthcli.disk import format_bytes

    for one in removals:
        screen.say(f"{one.found.path}  {one.found.state}  {format_bytes(one.bytes)}")
    for note in [note for one in removals for note in one.notes]:
        screen.say(f"note: {note}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise SynthError("nobody can be asked, and nothing was removed", "give `--yes` to remove it")
    what = "it" if len(removals) == 1 else f"these {len(removals)}"
    if not typer.confirm(f"remove {what} ({format_bytes(sum(one.bytes for one in removals))})?", err=True):
        screen.say("nothing was removed")
        raise typer.Exit(1)


def remove_all(
    removals: "Sequence[Removal[Thing]]",
    verb: str,
    remove: "Callable[[Removal[Thing]], None]",
    yes: bool,
    as_json: bool,
) -> None:
    """Remove things one by one, after showing them and asking; `verb` is `runs` or `stores`."""
    if not removals:
        return screen.say("nothing is left over")
    confirm(removals, yes)
    with report_stopped_removal(verb):
        for one in removals:
            remove(one)
            screen.say(f"removed `{one.found.path}`")
    return show_removed(removals) if as_json else None


def report_stopped_removal(verb: str) -> AbstractContextManager[None]:
    """Say what becomes of a removal that a signal ends within."""
    kept = "what was not begun is whole"
    command = f"synth {verb} rm --leftovers --yes"
    return tell_how_to_go_on(lambda: Stopped(kept, command, "removes what was begun"))


def show_removed(removals: "Sequence[Removal[Thing]]") -> None:
    """Print what was removed as JSON."""
    rows = [{"path": str(one.found.path), "bytes": one.bytes, "notes": one.notes} for one in removals]
    screen.data(json.dumps(rows, indent=2, ensure_ascii=False))
