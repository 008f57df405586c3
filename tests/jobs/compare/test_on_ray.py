"""Comparisons on a cluster of Ray, here of this machine: the report of one run after the other."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from synthcli.errors import SynthError
from synthcli.jobs.compare.compare import compare, count_kept, prepare
from synthcli.jobs.parallel import ray_crew
from synthcli.jobs.parallel.carry_out import default_jobs
from synthcli.jobs.parallel.cluster import on_engine
from synthcli.runs import list_runs
from tests.jobs.compare.test_compare import asked, here, without_times
from tests.jobs.reproducing import Told

__all__ = ["here"]  # a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::FutureWarning", "ignore::ResourceWarning", "ignore::DeprecationWarning"
    ),
]
NAME = "compare-wmt14-vanilla-d"


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a task has, so that sums are of one order."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_an_address_that_does_not_answer_is_said_at_once() -> None:
    """This comes before there is a cluster: of one that is joined no address is asked."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(SynthError) as caught, on_engine("ray", address):
            pass
    assert str(caught.value) == (
        f"no cluster answers at `{address}`: [Errno 111] Connection refused\n"
        "hint: `ray start --head` starts one, and says where"
    )


def test_a_worker_killed_midway_is_replaced_and_its_run_goes_on(
    cluster: Any, here: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = here / "killed"

    def dying_once(packed: bytes) -> bytes:
        """Die in the third step of a training, behind a checkpoint, the first time."""
        from synthcli.jobs.parallel.work import ProgressCallback

        on_step = ProgressCallback.on_step

        def note(self: Any, training: Any, step: Any) -> None:
            if step.step == 3 and not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            on_step(self, training, step)

        ProgressCallback.on_step = note  # type: ignore[method-assign]
        return carry_out_packed(packed)

    carry_out_packed = ray_crew.carry_out_packed
    monkeypatch.setattr(ray_crew, "carry_out_packed", dying_once)
    with on_engine("ray", None):
        assert default_jobs() == 2
        report = compare(prepare(asked()), here / "reports", Told(), default_jobs())
    assert killed.exists()
    assert sorted(len(run.sessions) for run in list_runs()) == [1, 1, 1, 2]  # resumed, not trained anew

    (here / "runs").rename(here / "elsewhere")
    with on_engine("ray", None):
        counted = prepare(count_kept(asked(), here / "reports"))
    assert not counted.waiting  # its records came home

    assert len(prepare(count_kept(asked(), here / "reports")).waiting) == 4  # here runs count
    alone = compare(prepare(asked()), here / "alone", Told(), 1)
    assert without_times(alone) == without_times(report)
    assert {path.name for path in (here / "reports" / NAME).iterdir()} == {
        path.name for path in (here / "alone" / NAME).iterdir()
    }


def test_what_is_lost_too_often_is_told_and_the_rest_is_kept(
    cluster: Any, here: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(packed: bytes) -> bytes:
        if b"wmt14-dense" in packed:
            with (here / "deaths").open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        return carry_out_packed(packed)

    carry_out_packed = ray_crew.carry_out_packed
    monkeypatch.setattr(ray_crew, "carry_out_packed", dying)
    with on_engine("ray", None), pytest.raises(SynthError) as caught:
        compare(prepare(asked(seeds=1)), here / "reports", Told(), 2)
    assert caught.value.message.startswith("1 runs failed:\nd, seed 0: the cluster lost it 4 times: ")
    assert caught.value.hint == "give the same command again: what is done is kept"
    assert (here / "deaths").read_text() == "xxxx"
    assert len(list((here / "reports" / NAME / "records").glob("*.json"))) == 1


def test_a_work_that_fails_there_fails_as_it_does_here(cluster: Any, here: Path) -> None:
    words = ("wmt14-vanilla", "hot=wmt14-vanilla: training.schedule.peak=1e30")
    with on_engine("ray", None), pytest.raises(SynthError, match="every run of arm `hot` diverged"):
        compare(prepare(asked(words, seeds=1)), here / "reports", Told(), 2)


def test_without_ray_its_installation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SynthError) as caught, on_engine("ray", None):
        pass
    assert str(caught.value) == (
        '`--engine ray` needs Ray, which is not installed\nhint: `pip install "synthcli[ray]"`'
    )


@pytest.mark.parametrize(
    ("engine", "address", "message"),
    [
        ("rai", None, "unknown engine `rai`\nhint: did you mean `ray`?"),
        ("local", "a:1", "`--address` belongs to a cluster\nhint: add `--engine ray`, or leave it out"),
    ],
)
def test_an_engine_that_makes_no_sense_is_refused(engine: str, address: str | None, message: str) -> None:
    with pytest.raises(SynthError) as caught, on_engine(engine, address, is_used=False):
        pass
    assert str(caught.value) == message
