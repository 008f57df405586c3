"""Write rows as Arrow shards that `datasets.load_from_disk` reads; equal rows give equal bytes."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow

SHARD_BYTES = 256 * 2**20

TOKENS = pyarrow.list_(pyarrow.int32())
SCHEMAS = {
    "text": {"tokens": TOKENS, "words": pyarrow.int32(), "bytes": pyarrow.int32()},
    "pairs": {
        "source": TOKENS,
        "target": TOKENS,
        "source_text": pyarrow.string(),
        "target_text": pyarrow.string(),
    },
    "labelled": {"tokens": TOKENS, "label": pyarrow.int32()},
    "scored": {"tokens": TOKENS, "score": pyarrow.float32()},
    "choices": {"choices": pyarrow.list_(TOKENS), "label": pyarrow.int32()},
}


@dataclass
class ShardWriter:
    """Writes batches of columns into `data-00000.arrow`, `data-00001.arrow`, ..., each fsynced."""

    folder: Path
    kind: str
    shards: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.schema = pyarrow.schema(list(SCHEMAS[self.kind].items()))
        self.sink: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if error is None:
            self._describe()

    def write(self, columns: dict[str, list[Any]]) -> None:
        """Append a batch of rows."""
        if self.sink is not None and self.sink.tell() > SHARD_BYTES:
            self._close()
        if self.sink is None:
            self.shards.append(self.folder / f"data-{len(self.shards):05d}.arrow")
            self.sink = self.shards[-1].open("wb")
            self.stream = pyarrow.ipc.new_stream(self.sink, self.schema)
        self.stream.write_batch(pyarrow.record_batch(columns, schema=self.schema))

    def _close(self) -> None:
        if self.sink is not None:
            self.stream.close()
            self.sink.flush()
            os.fsync(self.sink.fileno())
            self.sink.close()
            self.sink = None

    def _describe(self) -> None:
        """Write the two files by which `datasets` knows a saved dataset."""
        import datasets

        digest = hashlib.sha256()
        for shard in self.shards:
            with shard.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        state: dict[str, Any] = {
            "_data_files": [{"filename": shard.name} for shard in self.shards],
            "_fingerprint": digest.hexdigest()[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": self.folder.name,
        }
        features = datasets.Features.from_arrow_schema(self.schema)
        datasets.DatasetInfo(features=features).write_to_directory(str(self.folder))
        write_json(self.folder / "state.json", state)


def write_json(path: Path, content: Any) -> None:
    """Write a json file and wait until it is on disk."""
    with path.open("w") as stream:
        stream.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
