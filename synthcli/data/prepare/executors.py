"""The table of executors, `--engine`: what carries out the making of shards."""

from collections.abc import Callable, Iterator
from pathlib import Path

from synthcli.data.prepare.local import ExecutorOptions, make_locally
from synthcli.data.prepare.on_ray import make_on_ray
from synthcli.data.prepare.shard import ShardDraft
from synthcli.data.prepare.texts import ShardTask
from synthcli.errors import SynthError, did_you_mean

Executor = Callable[[Iterator[ShardTask], Path, Path, ExecutorOptions], Iterator[ShardDraft]]
"""Called with tasks, the folder of the tokenizer, where drafts go, and what may be used."""

EXECUTORS: dict[str, Executor] = {"local": make_locally, "ray": make_on_ray}


def find_executor(name: str, options: ExecutorOptions) -> Executor:
    """Return an engine by its name; options that make no sense are refused."""
    check_executor(name, options.address)
    if options.workers < 1:
        raise SynthError(f"`--workers {options.workers}` is not possible", "give 1 or more")
    return EXECUTORS[name]


def check_executor(name: str, address: str | None) -> None:
    """Raise for a name that is no engine's, and for an address it has no use for."""
    if name not in EXECUTORS:
        raise SynthError(f"unknown engine `{name}`", did_you_mean(name, EXECUTORS))
    if address is not None and name == "local":
        raise SynthError("`--address` belongs to a cluster", "add `--engine ray`, or leave it out")
