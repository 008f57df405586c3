"""The checkpoint a command works on: which one it is where nobody named it, and whether it is a last one."""

from collections.abc import Collection
from pathlib import Path

from synthcli.cli import screen


def choose_checkpoint(
    word: str | None, newest: str = "the newest", tasks: Collection[str] | None = None
) -> Path:
    """Return the checkpoint to work on, and say where more steps of its training are to come."""
    path = choose_start(word, newest, tasks)
    say_if_unfinished(path)
    return path


def choose_start(word: str | None, newest: str = "the newest", tasks: Collection[str] | None = None) -> Path:
    """Return the checkpoint that a word names, or the newest for one of `tasks`, which is then said."""
    from synthcli.runs import find_checkpoint

    path = find_checkpoint(word, tasks=None if word else tasks)
    if word is None:
        screen.say(f"checkpoint: `{path}`, {newest}")
    return path


def choose_student(word: str | None, verbs: Collection[str], which: str = "the newest student") -> Path:
    """Return the student that a word names, or the newest that one of `verbs` made, which is then said."""
    from synthcli.runs import find_checkpoint, newest_student

    path = newest_student(verbs) if word is None else find_checkpoint(word)
    if word is None:
        screen.say(f"checkpoint: `{path}`, {which}")
    return path


def say_if_unfinished(path: Path) -> None:
    """Say that more steps of a checkpoint's training are to come."""
    from synthcli.runs import note_unfinished

    note = note_unfinished(path)
    if note is not None:
        screen.say(f"note: {note}")
