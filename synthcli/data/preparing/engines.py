"""The table of engines: what carries out the making of shards."""

from collections.abc import Callable, Iterator
from pathlib import Path

from synthcli.data.preparing.cutting import Task
from synthcli.data.preparing.local import make_locally
from synthcli.data.preparing.shard import Draft

Engine = Callable[[Iterator[Task], Path, Path, int], Iterator[Draft]]
"""Called with tasks, the folder of the tokenizer, where drafts go, and the number of processes."""

ENGINES: dict[str, Engine] = {"local": make_locally}
