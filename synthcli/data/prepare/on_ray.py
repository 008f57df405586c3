"""The executor of a cluster, Ray (Moritz et al. 2018): shards as tasks, in a folder all machines share.

The driver reads and cuts; each shard is a task that any machine may take, and that Ray gives to another one
where a process or a machine is lost. What a lost process has written is a draft without a name, so every
shard is taken over once.
"""

import pickle
import socket
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any

import synthcli
from synthcli.data.prepare.encoding import TextEncoder, load_encoder
from synthcli.data.prepare.local import ExecutorOptions
from synthcli.data.prepare.shard import ShardDraft, make_shard
from synthcli.data.prepare.texts import ShardTask
from synthcli.data.tokenizers.base import DESCRIPTION
from synthcli.errors import SynthError, WorkFailedError

ATTEMPTS_AFTER_LOSS = 3
SECONDS_TO_ANSWER = 5.0
PACKAGES = Path(synthcli.__file__).parents[1]
WAITING = 2  # shards for which no core is free yet


def make_on_ray(
    tasks: Iterator[ShardTask], tokenizer: Path, drafts: Path, options: ExecutorOptions
) -> Iterator[ShardDraft]:
    """Yield shards as the cluster finishes them; memory holds as many as it has cores, and a few more."""
    ray = import_ray()
    is_ours = connect(ray, options.address)
    try:
        remote = ray.remote(max_retries=ATTEMPTS_AFTER_LOSS)(make_pickled_shard)
        given = tokenizer.resolve(), (tokenizer / DESCRIPTION).read_text(), drafts.resolve()
        running: set[object] = set()
        for task in tasks:
            running.add(remote.remote(pickle.dumps(task, pickle.HIGHEST_PROTOCOL), *given))
            while len(running) >= _count_cores(ray) + WAITING:
                yield from _collect_finished(ray, running)
        while running:
            yield from _collect_finished(ray, running)
    finally:
        if is_ours:
            ray.shutdown()


def import_ray() -> Any:
    """Return Ray, or say how it is installed."""
    try:
        import ray
    except ImportError as error:
        raise SynthError(
            "`--engine ray` needs Ray, which is not installed", '`pip install "synthcli[ray]"`'
        ) from error
    return ray


def connect(ray: Any, address: str | None) -> bool:
    """Join a cluster, or start one of this machine's cores; return whether that was done here."""
    if ray.is_initialized():
        return False
    _refuse_silent(address)
    try:
        with chdir(PACKAGES):  # tasks take modules from the folder of a driver: not from the user's
            ray.init(
                address=address, include_dashboard=False if address is None else None, log_to_driver=False
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise SynthError(
            f"no cluster answers at `{address}`: {_first_error_line(error)}",
            "`ray start --head` starts one, and says where",
        ) from error
    return True


def _refuse_silent(address: str | None) -> None:
    """Raise where nobody answers at HOST:PORT: Ray itself would ask for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return  # `auto`, or what Ray itself refuses at once
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        message = f"no cluster answers at `{address}`: {_first_error_line(error)}"
        raise SynthError(message, "`ray start --head` starts one, and says where") from error


def _first_error_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _count_cores(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _collect_finished(ray: Any, running: set[object]) -> Iterator[ShardDraft]:
    """Wait for one task or more, and yield what they made."""
    done, _ = ray.wait(list(running))
    for reference in done:
        running.discard(reference)
        try:
            yield ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            raise WorkFailedError(
                f"the cluster lost a shard {ATTEMPTS_AFTER_LOSS + 1} times: {_first_error_line(error)}",
                "the same command again goes on after the finished shards",
            ) from error


def make_pickled_shard(packed: bytes, tokenizer: Path, description: str, drafts: Path) -> ShardDraft:
    """Make a shard in whichever process this is."""
    return make_shard(pickle.loads(packed), _keep_encoder(tokenizer, description), drafts)


@cache
def _keep_encoder(tokenizer: Path, description: str) -> TextEncoder:
    """Load a tokenizer once in a process, and again where another has taken its place."""
    return load_encoder(tokenizer)
