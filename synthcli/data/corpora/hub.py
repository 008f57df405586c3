"""Read a corpus from the Hugging Face hub, at a pinned revision.

Two things are wrong with many of its repositories: some hold a loading script alone, which `datasets` no
longer runs, and the hub's own conversions to parquet end after five gigabytes. So every split's records are
counted and compared with what is published, and a split that is too short is refused.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from synthcli.data.corpora.source import SPLITS, Record, Row
from synthcli.data.hub_access import ask, is_offline
from synthcli.disk import AGAIN, explain_write_error, of_disk
from synthcli.errors import SynthError, WorkFailedError


@dataclass(frozen=True)
class Hub:
    """A dataset of the hub; `row` turns one of its records into ours."""

    id: str
    config: str | None
    revision: str
    row: Callable[[Record], Row] | None = None
    # Ours -> theirs, in the slicing language of `datasets`, such as "test[:100]".
    splits: dict[str, str] = field(default_factory=lambda: {split: split for split in SPLITS})
    rows: Callable[[Record], Iterable[Row]] | None = None  # where a record is several rows
    records: dict[str, int] = field(default_factory=dict)  # in each split, where they are not its rows
    streamed: bool = False  # too large to stand on disk twice

    def rows_of(self, record: Record) -> Iterable[Row]:
        if self.rows is not None:
            return self.rows(record)
        return (self.row(record),) if self.row is not None else ()


@dataclass(frozen=True)
class HubSource:
    """A dataset of the hub that answered."""

    corpus: str
    hub: Hub
    expected: dict[str, int] = field(default_factory=dict)  # records of each split
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    vocabulary: None = None
    classes: None = None

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if split in self.hub.splits)

    def read(self, split: str) -> Iterator[Row]:
        import datasets

        hub = self.hub
        datasets.disable_progress_bars()
        options = {"streaming": True} if hub.streamed else {}
        try:
            records = datasets.load_dataset(
                hub.id, hub.config, split=hub.splits[split], revision=hub.revision, **options
            )
            if not hub.streamed:
                self.compare(split, len(records))
        except SynthError:
            raise
        except Exception as error:  # hub, http and file errors share no base class
            raise _unreachable(self.corpus, hub, error) from error
        return self.rows(split, records)

    def rows(self, split: str, records: Iterable[Record]) -> Iterator[Row]:
        """Yield the rows of records; a stream is counted until its end."""
        number, stream = 0, iter(records)
        while True:
            try:
                record = next(stream, None)
            except Exception as error:  # the connection breaks off, or a file is damaged
                raise _unreachable(self.corpus, self.hub, error) from error
            if record is None:
                break
            number += 1
            yield from self.hub.rows_of(record)
        if self.hub.streamed:
            self.compare(split, number)

    def compare(self, split: str, count: int) -> None:
        """Refuse a split of more or fewer records than are published."""
        expected = self.expected.get(split, count)
        if count != expected:
            raise SynthError(
                f"`{self.hub.id}` holds {count:,} records of `{split}`, and {expected:,} are published",
                "its copy on the hub is not whole: give the files,"
                f" `synth prepare-corpus {self.corpus} --source DIR`",
            )

    def describe(self) -> dict[str, object]:
        hub = self.hub
        return {"kind": "hub", "id": hub.id, "config": hub.config, "revision": hub.revision}


def open_hub(corpus: str, hub: Hub, rows: Mapping[str, int]) -> HubSource:
    """Ask the hub for the dataset once, briefly; offline mode goes to the cache instead."""
    if not is_offline():
        try:
            ask("dataset", hub.id, hub.revision)
        except Exception as error:
            raise _unreachable(corpus, hub, error) from error
    return HubSource(corpus, hub, {**rows, **hub.records})


def _unreachable(corpus: str, hub: Hub, error: Exception) -> SynthError:
    """Say that the hub did not give a dataset, or that it could not be kept, and what to do instead."""
    if (refused := of_disk(error)) is not None:
        cache = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
        why, helps = explain_write_error(refused, cache, "set `HF_HOME` to another folder")
        message = f"`{hub.id}` could not be kept in the hub's cache: {why}"
        return WorkFailedError(message, f"{helps}, then {AGAIN}")
    is_script = "scripts are no longer supported" in str(error)
    reason = "it holds a loading script alone" if is_script else type(error).__name__
    return SynthError(
        f"could not read `{hub.id}` from the Hugging Face hub: {reason}",
        f"give the files, `synth prepare-corpus {corpus} --source DIR` (`synth corpora show {corpus}` says"
        " which), or check the connection; HF_HUB_OFFLINE=1 reads what was fetched before",
    )
