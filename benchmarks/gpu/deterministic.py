"""What `training.deterministic` costs at the papers' sizes, and whether any task meets a refusal.

The steps without it run in a process of their own: cuBLAS reads once how large its workspace is to be.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row
from benchmarks.gpu.steps import losses, prepare
from benchmarks.gpu.trainings import forget_peak, make, milliseconds
from synthcli.device import on_device
from synthcli.errors import SynthError
from synthcli.training.determinism import FIXED, WORKSPACE, deterministic
from tests.device.cases import CASES, write_corpora

NAMES = ("wmt14", "codeparrot", "codeparrot, skipless", "enwik8")
QUICK = ("wmt14", "enwik8")
QUICK_CASES = ("causal-lm, skipless", "streams")


def run(bench: Bench) -> Iterator[Row]:
    """Time steps without and with it, then take steps of every task."""
    names = NAMES if bench.is_cuda else QUICK
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        free = pool.submit(time_steps, bench, names, False).result()
    os.environ[WORKSPACE] = FIXED[0]
    fixed = time_steps(bench, names, True)
    for name in names:
        ratio = round(fixed[name] / free[name], 3)
        yield {"shape": name, "milliseconds": free[name], "deterministic": fixed[name], "ratio": ratio}
    yield from try_tasks(bench)


def time_steps(bench: Bench, names: tuple[str, ...], is_asked: bool) -> dict[str, float]:
    """Return the milliseconds of a step of every shape."""
    taken = {}
    with on_device(bench.word), deterministic(is_asked, bench.device):
        for name in names:
            forget_peak(bench.device)
            taken[name] = milliseconds(make(bench, name))
    return taken


def try_tasks(bench: Bench) -> Iterator[Row]:
    """Take the same steps twice: each task has the same losses, to the bit, and no operation is refused."""
    corpora = bench.folder / "corpora"
    write_corpora(corpora)
    with on_device(bench.word), deterministic(True, bench.device):
        for name in CASES if bench.is_cuda else QUICK_CASES:
            yield {"case": name, **try_task(lambda name=name: losses(prepare(name, corpora, "auto")))}


def try_task(work: Any) -> Row:
    try:
        once, again = work(), work()
    except (SynthError, RuntimeError) as error:
        return {"result": FAILED, "reason": str(error)}
    return {"result": PASSED if once == again else FAILED, "same_bits": once == again}
