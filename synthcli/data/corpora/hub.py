"""Read a corpus from the Hugging Face hub, at a pinned revision."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthcli.data.corpora.source import SPLITS, Row
from synthcli.data.hub_access import ask, is_offline
from synthcli.errors import SynthError


@dataclass(frozen=True)
class Hub:
    """A dataset of the hub; `row` turns one of its records into ours."""

    id: str
    config: str | None
    revision: str
    row: Callable[[dict[str, Any]], Row]
    # Ours -> theirs, in the slicing language of `datasets`, such as "test[:100]".
    splits: dict[str, str] = field(default_factory=lambda: {split: split for split in SPLITS})


@dataclass(frozen=True)
class HubSource:
    """A dataset of the hub that answered."""

    corpus: str
    hub: Hub
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    vocabulary: None = None

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if split in self.hub.splits)

    def read(self, split: str) -> Iterator[Row]:
        import datasets

        hub = self.hub
        datasets.disable_progress_bars()
        try:
            records = datasets.load_dataset(
                hub.id, hub.config, split=hub.splits[split], revision=hub.revision
            )
        except Exception as error:  # hub, http and file errors share no base class
            raise unreachable(self.corpus, hub, error) from error
        return map(hub.row, records)

    def describe(self) -> dict[str, Any]:
        hub = self.hub
        return {"kind": "hub", "id": hub.id, "config": hub.config, "revision": hub.revision}


def open_hub(corpus: str, hub: Hub) -> HubSource:
    """Ask the hub for the dataset once, briefly; offline mode goes to the cache instead."""
    if not is_offline():
        try:
            ask("dataset", hub.id, hub.revision)
        except Exception as error:
            raise unreachable(corpus, hub, error) from error
    return HubSource(corpus, hub)


def unreachable(corpus: str, hub: Hub, error: Exception) -> SynthError:
    """Say that the hub did not give a dataset, and what to do instead."""
    return SynthError(
        f"could not read `{hub.id}` from the Hugging Face hub: {type(error).__name__}",
        f"give the files, `synth prepare-corpus {corpus} --source DIR` (`synth corpora show {corpus}` says"
        " which), or check the connection; HF_HUB_OFFLINE=1 reads what was fetched before",
    )
