"""A vocabulary as text: one entry a line, numbered from the first."""

from pathlib import Path

from synthcli.errors import SynthError
from synthcli.safe_read import inside, read_text

FILE = "vocab.txt"


def read_entries(folder: Path, kind: str) -> list[str]:
    """Return the first field of every line, so that counts after the entries do no harm."""
    path = folder / FILE
    try:
        text = read_text(inside(path, folder))
    except FileNotFoundError as error:
        hint = f"`files` names a folder with a `{FILE}`, one entry a line, or with a tokenizer saved before"
        raise SynthError(f"`{folder}` lacks the `{FILE}` of `{kind}`", hint) from error
    except UnicodeDecodeError as error:
        raise SynthError(
            f"`{path}` is not UTF-8 at byte {error.start}", "take its publisher's copy"
        ) from error
    entries = [fields[0] for line in text.split("\n") if (fields := line.split())]
    if len(set(entries)) < len(entries):
        twice = next(entry for number, entry in enumerate(entries) if entry in entries[:number])
        raise SynthError(f"`{path}` names `{twice}` twice", "every entry has one id: delete the second")
    return entries


def written(entries: list[str]) -> bytes:
    """Return the file of a vocabulary."""
    return "".join(f"{entry}\n" for entry in entries).encode()


def check_size(folder: Path, size: int, vocab_size: int) -> None:
    """Refuse a vocabulary larger than the one asked for."""
    if size > vocab_size:
        raise SynthError(
            f"the vocabulary in `{folder}` has {size} ids, more than `vocab_size = {vocab_size}`",
            f"set `data.tokenizer.vocab_size = {size}`",
        )
