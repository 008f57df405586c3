"""Read a corpus from the Hugging Face hub, at a pinned revision."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthcli.data.corpora.source import SPLITS, Row
from synthcli.errors import SynthError

SECONDS_TO_ANSWER = 10.0


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
        from huggingface_hub import HfApi

        try:
            HfApi().dataset_info(hub.id, revision=hub.revision, timeout=SECONDS_TO_ANSWER)
        except Exception as error:
            raise unreachable(corpus, hub, error) from error
    return HubSource(corpus, hub)


def is_offline() -> bool:
    """Whether the environment forbids the hub, as its own libraries read it."""
    words = (os.environ.get(key, "") for key in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))
    return any(word.upper() in ("1", "ON", "YES", "TRUE") for word in words)


def unreachable(corpus: str, hub: Hub, error: Exception) -> SynthError:
    """Say that the hub did not give a dataset, and what to do instead."""
    return SynthError(
        f"could not read `{hub.id}` from the Hugging Face hub: {type(error).__name__}",
        f"check the connection, or give the files: `synth prepare-corpus {corpus} --source DIR`"
        f" (`synth corpora {corpus}` says which)",
    )
