"""What a preparation is asked for, and what the store says of itself in the end."""

import hashlib
import platform
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from synthcli import __version__
from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import Corpus, Source
from synthcli.data.prepare.shard import ShardRecord
from synthcli.data.prepare.sharding import shard_bytes
from synthcli.data.prepare.store_build import StoreBuild
from synthcli.data.store.manifest import FORMAT, Manifest, describe_files, describe_sources
from synthcli.data.store.shards import SECOND, describe_split, write_json
from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.base import NAMED, PLAIN
from synthcli.errors import SynthError

LIBRARIES = ("pyarrow", "sentencepiece", "tokenizers")  # that decide the bytes of a store


def describe_request(
    corpus: Corpus, opened: Source, source: Path | None, config: TokenizerConfig
) -> dict[str, object]:
    """Return all that decides the bytes of a store; files stand for their contents by size and time."""
    return {
        "format": FORMAT,
        "program": _program_hash(),
        "versions": [platform.python_version(), *(f"{name} {version(name)}" for name in LIBRARIES)],
        "corpus": corpus.name,
        "source": opened.describe() | {"given": str(source)},
        "files": list_source_files(opened),
        "tokenizer": config.model_dump(),
        "shard_bytes": shard_bytes(corpus),
    }


def list_source_files(opened: Source) -> list[list[str | int]]:
    """Return path, size and time of the files a corpus is read from."""
    stats = ((path, path.stat()) for path in opened.files)
    return [[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stats]


def _program_hash() -> str:
    """Return a hash of the code that reads and encodes: shards of two versions never stand side by side."""
    folder, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def add_up_counts(
    corpus: Corpus, opened: Source, records: Iterable[ShardRecord]
) -> dict[str, dict[str, int]]:
    """Add up what was counted of shards; an empty split is refused."""
    counts = {split: Counter[str]() for split in opened.splits}
    longest: dict[str, dict[str, int]] = {split: {} for split in opened.splits}
    for record in records:
        split = record.shard.partition("/")[0]
        counts[split].update(record.counts)
        for name, length in record.longest.items():
            longest[split][name] = max(longest[split].get(name, 0), length)
    for split in opened.splits:
        if counts[split]["rows"] == counts[split]["empty"]:
            what = "holds blank rows only" if counts[split]["rows"] else "is empty"
            raise SynthError(f"the split `{split}` of `{corpus.name}` {what}", f"expected {corpus.layout}")
    return {split: {**counts[split], **longest[split]} for split in opened.splits}


def write_descriptions(work: StoreBuild, corpus: Corpus, opened: Source, form: str) -> None:
    """Write the files by which `datasets` knows a folder of splits."""
    has_second = form == PLAIN and corpus.kind in SECOND
    for split in opened.splits:
        own = sorted((name for name in work.records if name.startswith(f"{split}/")), key=_shard_order)
        shards = {name.partition("/")[2]: work.records[name].sha256 for name in own}
        describe_split(work.store / split, corpus.kind, shards, has_second)
    write_json(work.store / "dataset_dict.json", {"splits": list(opened.splits)})


def _shard_order(shard: str) -> tuple[int, str]:
    """Return by what shards are ordered: beyond 99,999 their numbers are longer."""
    return len(shard), shard


def build_manifest(
    work: StoreBuild,
    corpus: Corpus,
    opened: Source,
    source: Path | None,
    config: TokenizerConfig,
    tokenizer: Tokenizer,
    counts: dict[str, dict[str, int]],
) -> Manifest:
    """Return the manifest."""
    classes = opened.classes
    notes = [*opened.notes, *(() if classes is None else classes.notes)]
    origin = opened.describe() | {"notes": notes}
    if opened.files:
        origin["given"] = None if source is None else str(source.resolve())
        origin["files"] = describe_sources(source or Path(str(origin["path"])), opened.files)
    known = {name: record.sha256 for name, record in work.records.items()}
    return {
        "format": FORMAT,
        "corpus": corpus.name,
        "kind": corpus.kind,
        "class_names": list(corpus.class_names if classes is None else classes.names),
        "source": origin,
        "tokenizer": {
            "kind": tokenizer.kind,
            "requested": config.size,
            "vocab_size": tokenizer.vocab_size,
            "hash": tokenizer.hash,
            **({} if config.files is None else {"files": str(Path(config.files).resolve())}),
            **({} if tokenizer.form == NAMED else {"form": tokenizer.form}),
        },
        "splits": counts,
        "published_rows": corpus.rows,
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "synth": __version__,
        "python": platform.python_version(),
        "files": describe_files(work.store, known),
    }
