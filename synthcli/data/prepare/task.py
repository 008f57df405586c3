"""What a process is given to make one shard of."""

from dataclasses import dataclass
from typing import Any

from synthcli.data.prepare.texts import Texts


@dataclass(frozen=True)
class Task:
    """Consecutive rows of a split that become one shard; `number` counts from 0."""

    split: str
    number: int
    kind: str
    rows: int
    texts: dict[str, Texts]  # by column, as readers name it
    values: dict[str, list[Any]]  # what is no text: labels, scores, how many choices a row has
    bytes: int  # of their text

    @property
    def shard(self) -> str:
        """Where the shard stands in the store."""
        return f"{self.split}/data-{self.number:05d}.arrow"
