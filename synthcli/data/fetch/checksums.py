"""Checksums of fetched files: the publisher's, or those of the first time, kept in `NAME.fetched.json`.

That file stands beside the folder `NAME` and holds, for every address, the bytes and the sha256 received.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from synthcli.atomic_files import write_text
from synthcli.data.fetch.remote_files import Remote
from synthcli.errors import SynthError, WorkFailedError
from synthcli.safe_read import read_json

Record = dict[str, dict[str, Any]]


def _record_path(home: Path) -> Path:
    return home.with_name(home.name + ".fetched.json")


def _read_record(home: Path) -> Record:
    """Return what was received for each address in earlier fetches."""
    path = _record_path(home)
    try:
        record = read_json(path)
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise SynthError(f"`{path}` cannot be read: {error}", "delete it, or restore it") from error
    if not isinstance(record, dict) or not all(isinstance(entry, dict) for entry in record.values()):
        raise SynthError(f"`{path}` is no record of fetched files", "delete it, or restore it")
    return record


def verify_checksum(path: Path, remote: Remote, home: Path) -> None:
    """Compare a file with its checksum, and record it; a wrong one is deleted and both hashes are named."""
    record = _read_record(home)
    found = hash_file(path, "sha256")
    earlier = record.get(remote.url, {}).get("sha256")
    if remote.checksum is not None:
        algorithm, _, expected = remote.checksum.partition(":")
        actual = found if algorithm == "sha256" else hash_file(path, algorithm)
        _compare_digests(
            path, remote, algorithm, expected, actual, "it ought to have", "the publisher may have changed it"
        )
    elif earlier is not None:
        hint = f"if the publisher has changed it and you want that, delete `{_record_path(home)}`"
        _compare_digests(path, remote, "sha256", earlier, found, "it had when first fetched", hint)
    entry = {"bytes": path.stat().st_size, "sha256": found}
    write_text(_record_path(home), json.dumps(record | {remote.url: entry}, indent=2, sort_keys=True) + "\n")


def _compare_digests(
    path: Path, remote: Remote, algorithm: str, expected: str, actual: str, when: str, hint: str
) -> None:
    if actual != expected:
        path.unlink()
        raise WorkFailedError(
            f"`{remote.url}` has the {algorithm} {actual}, {when} {expected}: it is not kept",
            f"give the command again; {hint}",
        )


def hash_file(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
