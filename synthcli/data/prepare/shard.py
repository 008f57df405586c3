"""One shard: rows into a file of Arrow, the same bytes whichever process writes it."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow

from synthcli.data.prepare.encoding import ENCODERS, Encoder, counts_of, longest_of
from synthcli.data.prepare.task import Task
from synthcli.data.store.manifest import sha256
from synthcli.data.store.shards import schema_of
from synthcli.durable import sync


@dataclass(frozen=True)
class Record:
    """A finished shard: where it belongs, what it holds, and how to know it again."""

    shard: str
    size: int
    sha256: str
    text_bytes: int
    counts: dict[str, int]
    longest: dict[str, int]


@dataclass(frozen=True)
class Draft:
    """A shard that stands whole on the disk, not yet under its name."""

    path: Path
    record: Record


def make_shard(task: Task, encoder: Encoder, drafts: Path) -> Draft:
    """Encode rows and write them under a name of its own among the drafts, synced."""
    columns = ENCODERS[task.kind](task, encoder)
    path = drafts / f"{task.split}-{task.number:05d}-{uuid.uuid4().hex}.arrow"
    try:
        write_shard(path, task.kind, columns)
    except BaseException:
        path.unlink(missing_ok=True)  # of a full disk
        raise
    record = Record(
        task.shard,
        path.stat().st_size,
        sha256(path),
        task.bytes,
        counts_of(task, columns, encoder.tokenizer),
        longest_of(columns),
    )
    return Draft(path, record)


def write_shard(path: Path, kind: str, columns: dict[str, object]) -> None:
    """Write one record batch, as `datasets` reads it."""
    schema = pyarrow.schema(list(schema_of(kind, has_second="second" in columns).items()))
    with path.open("wb") as sink, pyarrow.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pyarrow.record_batch(columns, schema=schema))
    sync(path)
