"""The work folder of a preparation, `.<store>.work` beside the store: what survives a kill.

request.json    what is asked for; another request, another program or other sources start anew
records.jsonl   a line for each finished shard: size, hash and counts
store/          what becomes the store: finished shards, the tokenizer
drafts-…/       shards in the midst of being written, of one process; the next sweeps them
"""

import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from synthcli.atomic_files import remove_unfinished, sync, take_place, write_text
from synthcli.data.prepare.shard import ShardDraft, ShardRecord
from synthcli.data.prepare.texts import ShardTask
from synthcli.data.store.inventory import work_folder
from synthcli.data.store.manifest import sha256
from synthcli.errors import SynthError
from synthcli.safe_read import read_json, read_text

REQUEST, RECORDS, OLD = "request.json", "records.jsonl", "old"


@dataclass
class StoreBuild:
    """A store in the making."""

    folder: Path
    records: dict[str, ShardRecord] = field(default_factory=dict)  # of finished shards, by their place
    session: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def tokenizer(self) -> Path:
        return self.store / "tokenizer"

    @property
    def drafts(self) -> Path:
        """Where this preparation has shards written: what outlives the last one cannot reach it."""
        return self.folder / f"drafts-{self.session}"

    def list_missing(self, tasks: Iterable[ShardTask]) -> Iterator[ShardTask]:
        """Yield the shards that are not finished, or were made of other rows; forget those there are not."""
        wanted = set()
        for task in tasks:
            wanted.add(task.shard)
            record = self.records.get(task.shard)
            if record is None or (record.counts["rows"], record.text_bytes) != (task.rows, task.bytes):
                self.records.pop(task.shard, None)
                yield task
        for shard in self.records.keys() - wanted:
            del self.records[shard]
            (self.store / shard).unlink()

    def finish(self, draft: ShardDraft) -> None:
        """Give a shard its name, then record it."""
        place = self.store / draft.record.shard
        place.parent.mkdir(exist_ok=True)
        draft.path.replace(place)
        with (self.folder / RECORDS).open("a") as stream:
            stream.write(json.dumps(asdict(draft.record)) + "\n")  # lost with the power, it is made again
        self.records[draft.record.shard] = draft.record


@contextmanager
def open_build(path: Path, request: dict[str, object]) -> Iterator[StoreBuild]:
    """Yield the work for a store, where the last one stopped; it becomes the store at the end.

    A user's mistake removes it; whatever else interrupts leaves it for the next time.
    """
    folder = work_folder(path)
    if (folder / OLD).exists() and not path.exists():
        (folder / OLD).rename(path)  # killed between the two renames of `take_place`
    work = _resume_build(folder, request) or _begin_build(folder, request)
    work.drafts.mkdir()
    try:
        yield work
        _sync_folders(work.store)
        take_place(work.store, path, folder / OLD)
        shutil.rmtree(folder, ignore_errors=True)
    except SynthError as error:
        if error.exit_code == SynthError.exit_code:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _sync_folders(folder: Path) -> None:
    """Wait until the names of all files below a folder are on disk."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            sync(path)


def _begin_build(folder: Path, request: dict[str, object]) -> StoreBuild:
    """Begin with nothing, whatever stands there; the request comes last."""
    shutil.rmtree(folder, ignore_errors=True)
    work = StoreBuild(folder)
    work.store.mkdir(parents=True)
    write_text(folder / REQUEST, json.dumps(request))
    return work


def _resume_build(folder: Path, request: dict[str, object]) -> StoreBuild | None:
    """Return the work on an equal request with all that is verified, everything else swept."""
    try:
        if read_json(folder / REQUEST) != request:
            return None
        lines = read_text(folder / RECORDS).split("\n") if (folder / RECORDS).exists() else []
    except (FileNotFoundError, NotADirectoryError, ValueError, SynthError):
        return None  # any other error is the disk's, and no reason to forget what is finished
    work = StoreBuild(folder)
    work.store.mkdir(exist_ok=True)
    records = [record for record in map(_parse_record, lines) if record is not None]
    work.records = {record.shard: record for record in records if _is_whole_shard(work.store, record)}
    _sweep_build(work)
    kept = [json.dumps(asdict(record)) + "\n" for record in work.records.values()]
    write_text(folder / RECORDS, "".join(kept))
    return work


def _parse_record(line: str) -> ShardRecord | None:
    """Return the record of a line; the last one may be cut short."""
    try:
        return ShardRecord(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _is_whole_shard(store: Path, record: ShardRecord) -> bool:
    """Whether a shard is what its record says."""
    path = store / record.shard
    return path.is_file() and path.stat().st_size == record.size and sha256(path) == record.sha256


def _sweep_build(work: StoreBuild) -> None:
    """Delete all but the finished shards, the tokenizer, the request and the records."""
    for path in work.folder.iterdir():
        if path.is_dir() and path != work.store:
            shutil.rmtree(path, ignore_errors=True)
    remove_unfinished(work.folder)
    remove_unfinished(work.store)
    for path in list(work.store.rglob("*")):
        is_kept = path.relative_to(work.store).as_posix() in work.records or work.tokenizer in path.parents
        if path.is_file() and not is_kept:
            path.unlink()
