"""The table of engines: what carries out the making of shards."""

from collections.abc import Callable, Iterator
from pathlib import Path

from synthcli.data.prepare.local import Means, make_locally
from synthcli.data.prepare.on_ray import make_on_ray
from synthcli.data.prepare.shard import Draft
from synthcli.data.prepare.task import Task
from synthcli.errors import SynthError, did_you_mean

Engine = Callable[[Iterator[Task], Path, Path, Means], Iterator[Draft]]
"""Called with tasks, the folder of the tokenizer, where drafts go, and what may be used."""

ENGINES: dict[str, Engine] = {"local": make_locally, "ray": make_on_ray}


def find_engine(name: str, means: Means) -> Engine:
    """Return an engine by its name; means that make no sense are refused."""
    check_engine(name, means.address)
    if means.workers < 1:
        raise SynthError(f"`--workers {means.workers}` is not possible", "give 1 or more")
    return ENGINES[name]


def check_engine(name: str, address: str | None) -> None:
    """Raise for a name that is no engine's, and for an address that it has no use for."""
    if name not in ENGINES:
        raise SynthError(f"unknown engine `{name}`", did_you_mean(name, ENGINES))
    if address is not None and name == "local":
        raise SynthError("`--address` belongs to a cluster", "add `--engine ray`, or leave it out")
