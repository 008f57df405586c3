"""Whether the files a store was read from have changed since.

Sizes and times are compared first; what has another time is hashed, once, and remembered. Files that are not
there any more, all of them, are no change: a store is whole without them.
"""

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from synthcli.atomic_files import write_text
from synthcli.data.corpora import find_corpus
from synthcli.data.corpora.local_files.label_classes import read_classes
from synthcli.data.store.manifest import SOURCE, FileEntry, Manifest, sha256
from synthcli.data.store.origin import find_given_source, prepare_command
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.safe_read import read_json

NAMED = 3  # changes that a message names one by one

Seen = dict[str, list[int]]
"""Size and time of a file, by its path, when it had the hash of the manifest."""


def refuse_changed(store: Store) -> None:
    """Raise where the files of a store's source are others than it was read from."""
    changes = find_changes(store)
    if changes:
        command = prepare_command(store.manifest, store.path)
        anew = "make it anew" if command is None else f"make it anew, `{command}`"
        raise SynthError(
            f"{_describe_changes(store, changes)}", f"{anew}, or put the files back as they were"
        )


def describe_source(store: Store) -> str | None:
    """Say what has become of a store's source: nothing where it is as it was."""
    changes = find_changes(store)
    if changes:
        return _describe_changes(store, changes)
    source = store.manifest["source"]
    recorded = source.get("files", ()) if source["kind"] == "folder" else ()
    if recorded and not any((_source_base(source) / file["path"]).is_file() for file in recorded):
        return f"the files that `{store.path}` was read from are no longer there; it is whole without them"
    return None


def _describe_changes(store: Store, changes: list[str]) -> str:
    """Say in a sentence what has become of a store's source."""
    rest = len(changes) - NAMED
    told = ", ".join(changes[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
    return f"the source of `{store.path}` has changed since: {told}"


def find_changes(store: Store) -> list[str]:
    """Return what has changed, a phrase for each file; files that are not there at all have not."""
    source = store.manifest["source"]
    if source["kind"] != "folder" or not source.get("files"):
        return []
    recorded = {file["path"]: file for file in source["files"]}
    base = _source_base(source)
    there = {name: base / name for name in recorded if (base / name).is_file()}
    if not there:
        return []
    seen, hashed = _read_remembered(store.path), dict[str, list[int]]()
    made = int(datetime.fromisoformat(store.manifest["created"]).timestamp() * 1e9)
    changes = [f"`{name}` is gone" for name in recorded if name not in there]
    for name, path in there.items():
        changes += _compare_file(name, path, recorded[name], seen, hashed, made)
    changes += _find_new_files(store, base, set(recorded))
    changes += _find_new_classes(store)
    if hashed and not changes:
        remember_source(store.path, seen | hashed)
    return changes


def _compare_file(name: str, path: Path, file: FileEntry, seen: Seen, hashed: Seen, made: int) -> list[str]:
    """Return how a file differs from what was read, or nothing; note it among the hashed if it had to be.

    Where its time was not noted, of stores of before, it must be older than the store: `made`, nanoseconds.
    """
    stat = path.stat()
    if stat.st_size != file["bytes"]:
        return [f"`{name}` has {stat.st_size:,} bytes, had {file['bytes']:,}"]
    mark = [stat.st_size, stat.st_mtime_ns]
    if seen.get(name, mark if stat.st_mtime_ns < made else None) == mark:
        return []
    if sha256(path) != file["sha256"]:
        return [f"`{name}` has other contents of the same size"]
    hashed[name] = mark
    return []


def _source_base(source: Manifest) -> Path:
    """Return the folder that the paths of a manifest are relative to."""
    path = Path(source["path"])
    return path.parent if path.is_file() else path


def _find_new_files(store: Store, base: Path, recorded: set[str]) -> list[str]:
    """Return which files the name of a source stands for today and did not then; a file stands for itself."""
    source = store.manifest["source"]
    try:
        corpus = find_corpus(store.corpus)
        given = find_given_source(store.manifest, store.path) or base
    except SynthError:  # of a version that had other corpora, or noted no pattern
        return []
    is_read_to_open = source["splits_made"] is not None and not corpus.finds_source
    if given.is_file() or is_read_to_open:
        return []
    try:
        files = corpus.open(given).files
    except SynthError as error:
        return [f"it cannot be read as it was: {error.message}"]
    names = [os.path.relpath(path, base) for path in files]
    return [f"`{name}` is new" for name in names if name not in recorded]


def _find_new_classes(store: Store) -> list[str]:
    """Return whether the file that lists a store's classes, if one does and is there, lists others today."""
    try:
        path = find_corpus(store.corpus).class_file
        if path is None or not path.is_file() or read_classes(path) == store.class_names:
            return []
    except SynthError as error:
        return [error.message]
    return [f"`{path}` lists other classes"]


def source_marks(files: tuple[Path, ...], recorded: list[FileEntry]) -> Seen:
    """Return size and time of files that were just read, by the paths that a manifest gives them."""
    stats = [path.stat() for path in files]
    return {
        file["path"]: [stat.st_size, stat.st_mtime_ns] for file, stat in zip(recorded, stats, strict=True)
    }


def remember_source(folder: Path, seen: Seen) -> None:
    """Note when the files of a source had the hashes of the manifest, where the store is ours to write."""
    with suppress(OSError):
        write_text(folder / SOURCE, json.dumps(seen))


def _read_remembered(folder: Path) -> Seen:
    """Return the marks of a source's files, if any."""
    try:
        seen = read_json(folder / SOURCE)
    except (OSError, ValueError, SynthError):
        return {}
    return seen if isinstance(seen, dict) else {}
