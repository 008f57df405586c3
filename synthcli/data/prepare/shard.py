"""One shard: rows into a file of Arrow, the same bytes whichever process writes it."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import pyarrow

from synthcli.atomic_files import sync
from synthcli.data.prepare.encoding import ENCODERS, TextEncoder, count_shard, longest_texts
from synthcli.data.prepare.texts import ShardTask
from synthcli.data.store.manifest import sha256
from synthcli.data.store.shards import row_schema


@dataclass(frozen=True)
class ShardRecord:
    """A finished shard: where it belongs, what it holds, and how to know it again."""

    shard: str
    size: int
    sha256: str
    text_bytes: int
    counts: dict[str, int]
    longest: dict[str, int]


@dataclass(frozen=True)
class ShardDraft:
    """A shard that stands whole on the disk, not yet under its name."""

    path: Path
    record: ShardRecord


def make_shard(task: ShardTask, encoder: TextEncoder, drafts: Path) -> ShardDraft:
    """Encode rows and write them under a name of its own among the drafts, synced."""
    columns = ENCODERS[task.kind](task, encoder)
    path = drafts / f"{task.split}-{task.number:05d}-{uuid.uuid4().hex}.arrow"
    try:
        write_shard(path, task.kind, columns)
    except BaseException:
        path.unlink(missing_ok=True)  # of a full disk
        raise
    record = ShardRecord(
        task.shard,
        path.stat().st_size,
        sha256(path),
        task.bytes,
        count_shard(task, columns, encoder.tokenizer),
        longest_texts(columns),
    )
    return ShardDraft(path, record)


def write_shard(path: Path, kind: str, columns: dict[str, object]) -> None:
    """Write one record batch, as `datasets` reads it."""
    schema = pyarrow.schema(list(row_schema(kind, has_second="second" in columns).items()))
    with path.open("wb") as sink, pyarrow.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pyarrow.record_batch(columns, schema=schema))
    sync(path)
