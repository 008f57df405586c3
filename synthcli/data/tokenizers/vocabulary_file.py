"""A vocabulary as text: one entry a line, numbered from the first."""

from pathlib import Path

from synthcli.errors import SynthError
from synthcli.safe_read import inside, read_text

FILE = "vocab.txt"
# what Unicode calls white space: Python counts four control characters, U+001C to U+001F, to it
WHITE_SPACE = "".join(chr(point) for point in (*range(0x1C), *range(0x20, 0x3001)) if chr(point).isspace())


def split_entries(path: Path, kind: str) -> list[str]:
    """Return what stands between line feeds, and nothing else: an entry's line is its id."""
    try:
        text = read_text(inside(path, path.parent))
    except FileNotFoundError as error:
        hint = f"`files` names a folder with a `{FILE}`, one entry a line, or with a tokenizer saved before"
        raise SynthError(f"`{path.parent}` lacks the `{FILE}` of `{kind}`", hint) from error
    except UnicodeDecodeError as error:
        raise SynthError(
            f"`{path}` is not UTF-8 at byte {error.start}", "take its publisher's copy"
        ) from error
    if text.startswith("\ufeff"):
        hint = "save it without one: to other readers the mark is part of the first entry"
        raise SynthError(f"`{path}` begins with a byte order mark", hint)
    return text.removesuffix("\n").split("\n") if text else []


def read_entries(folder: Path, kind: str) -> list[str]:
    """Return the first field of every line, so that counts after the entries do no harm."""
    path = folder / FILE
    lines = split_entries(path, kind)
    while lines and not lines[-1].split():
        del lines[-1]
    entries = [(line.split() or [""])[0] for line in lines]
    if "" in entries:
        message = f"`{path}` holds no entry at line {entries.index('') + 1}"
        raise SynthError(
            message, "every line is one entry, its place in the list its rank: delete the blank one"
        )
    refuse_repeated(path, entries)
    return entries


def read_pieces(folder: Path, kind: str = "wordpiece") -> list[str]:
    """Return the entries of a published `vocab.txt`, one for every line.

    White space after an entry, such as the CR of a line that ends in CR LF, is no part of it, as in the
    tokenizers library. A line of nothing but white space stays as it is: it keeps its id, and no text is read
    as it.
    """
    path, found = folder / FILE, dict[str, int]()
    for line in split_entries(path, kind):
        piece = line.rstrip(WHITE_SPACE) or line
        if piece in found and piece.strip(WHITE_SPACE):
            refuse_repeated(path, [*found, piece])
        while piece in found:
            piece += "\n"  # no line holds one, so no other entry has the name
        found[piece] = len(found)
    return list(found)


def refuse_repeated(path: Path, entries: list[str]) -> None:
    """Refuse an entry that stands there twice: it would have two ids."""
    seen = set[str]()
    for entry in entries:
        if entry in seen:
            raise SynthError(f"`{path}` names `{entry}` twice", "every entry has one id: delete the second")
        seen.add(entry)


def format_entries(entries: list[str]) -> bytes:
    """Return the file of a vocabulary."""
    return "".join(f"{entry}\n" for entry in entries).encode()


def check_size(folder: Path, size: int, vocab_size: int) -> None:
    """Refuse a vocabulary larger than the one asked for."""
    if size > vocab_size:
        raise SynthError(
            f"the vocabulary in `{folder}` has {size} ids, more than `vocab_size = {vocab_size}`",
            f"set `data.tokenizer.vocab_size = {size}`",
        )
