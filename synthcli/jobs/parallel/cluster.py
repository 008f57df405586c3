"""The cluster that a command's work runs on, where one was asked for: joined once, for as long as it lasts.

Works are tasks of Ray (Moritz et al. 2018): a task whose process or machine is lost is given to another one.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType

from synthcli.data.prepare.executors import check_executor
from synthcli.data.prepare.on_ray import connect, import_ray
from synthcli.device import CPU, CUDA, VISIBLE, chosen_word
from synthcli.errors import SynthError

THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Cluster:
    """`ray` is the library, connected; a work takes `threads` and `gpus`, and so many `works` have room."""

    ray: ModuleType
    threads: int
    gpus: int
    works: int

    @property
    def variables(self) -> dict[str, str]:
        """What a process that carries out a work is told: ours, its threads, and that it has no GPU."""
        own = {name: value for name, value in os.environ.items() if name.startswith("SYNTH_")}
        return {**own, THREADS: str(self.threads), **({} if self.gpus else {VISIBLE: ""})}


_cluster: ContextVar[Cluster | None] = ContextVar("cluster", default=None)


def current_cluster() -> Cluster | None:
    """Return the cluster that work runs on: None where it runs on this machine."""
    return _cluster.get()


@contextmanager
def on_engine(name: str, address: str | None, is_used: bool = True) -> Iterator[None]:
    """Run works on this machine, `local`, or on a cluster, `ray`; one that is not used is not joined."""
    check_executor(name, address)
    if name == "local" or not is_used:
        yield
    else:
        with on_cluster(address):
            yield


@contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Run works on a cluster for as long as this lasts: of this machine's cores where there is no address.

    Raises SynthError where Ray is not installed, or no cluster answers.
    """
    ray = import_ray()
    handler = signal.getsignal(signal.SIGTERM)
    is_ours = connect(ray, address)
    signal.signal(signal.SIGTERM, handler)  # Ray has put its own in its place
    before = _cluster.set(describe_cluster(ray))
    try:
        yield
    finally:
        _cluster.reset(before)
        if is_ours:
            ray.shutdown()


def describe_cluster(ray: ModuleType) -> Cluster:
    """Return what a work takes: as many threads as the user has set, else one, and a GPU if there is any."""
    there, word = ray.cluster_resources(), chosen_word()
    gpus = int(there.get("GPU", 0)) if word != CPU else 0
    if word.startswith(CUDA) and not gpus:
        raise SynthError(f"`--device {word}`: no machine of the cluster has a GPU", "leave `--device` out")
    threads = max(1, int(os.environ.get(THREADS, "1")))
    cores = max(1, int(there.get("CPU", 1)) // threads)
    return Cluster(ray, threads, min(1, gpus), gpus or cores)
