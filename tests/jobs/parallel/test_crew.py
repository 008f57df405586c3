"""Rows of the main job in processes beside each other: the same bits, and nothing left running."""

from pathlib import Path
from typing import Any

import pytest
import torch

from synthcli.children import Children
from synthcli.device import on_device
from synthcli.jobs.parallel import carry_out
from synthcli.jobs.parallel.crew import Crew, environment_of
from synthcli.jobs.parallel.work import Failure
from synthcli.jobs.reproduce.parts import ReproductionPart
from synthcli.jobs.reproduce.reproduce import Reproduction, reproduce
from synthcli.reproduce.tasks import Task
from tests.fake_gpus import with_gpus
from tests.jobs.reproduce.test_reproduce import TOY
from tests.jobs.reproducing import Told

pytestmark = pytest.mark.slow

TASK = Task("translation", {v: f"wmt14-{v}" for v in ("vanilla", "dense")}, "accuracy", ("smoke",), "copy")
NOTHING = ReproductionPart("step-times", TASK, Reproduction())  # of no runs


@pytest.fixture
def here(tmp_path: Path, stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTH_STORES", str(stores))
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    monkeypatch.setattr("synthcli.jobs.reproduce.reproduce.TASKS", (TASK,))
    return tmp_path


def test_rows_beside_each_other_are_those_one_after_the_other(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
    asked, found = Reproduction("smoke", None, TOY), {}
    for jobs in (1, 2):
        monkeypatch.setenv("SYNTH_RUNS", f"runs-{jobs}")
        told = Told()
        report = reproduce(asked, here / f"reports-{jobs}", told, jobs)
        assert report.error is None and report.path is not None
        assert [count for count, _ in told.counts] == [1, 2, 3] and told.counts[0][1] == 3
        found[jobs] = [
            (row.variant, row.value, row.interval, row.untrained, row.threads, weights(Path(row.run)))
            for row in report.rows
        ]
        assert [row.step_time is not None for row in report.rows] == [True, True]
        assert f"{'one row' if jobs == 1 else '2 rows'} at a time" in report.path.read_text()
    assert found[1] == found[2]


def weights(run: Path) -> bytes:
    return (run / "checkpoints" / "last" / "model.safetensors").read_bytes()


def test_a_process_that_is_killed_is_told_and_another_takes_its_place() -> None:
    with Children() as children:
        crew, told = Crew(1, [], children), Told()
        (worker,) = crew.idle
        worker.process.kill()
        worker.give(NOTHING, told)
        ((part, result),) = crew.results()
        assert part == NOTHING and isinstance(result, Failure)
        assert result.message == "its process was killed by signal 9 (SIGKILL)"
        assert result.hint.startswith("the system kills what needs more memory than there is")
        (another,) = crew.idle
        another.give(NOTHING, told)
        assert list(crew.results()) == [(NOTHING, {})]


def test_a_process_has_its_share_of_the_cores_or_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("synthcli.jobs.parallel.crew.cores", lambda: 8)
    assert [environment_of(0, jobs, [])["OMP_NUM_THREADS"] for jobs in (1, 3, 16)] == ["8", "2", "1"]
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert environment_of(0, 3, [])["OMP_NUM_THREADS"] == "5"
    assert [environment_of(n, 3, ["2", "7"])["CUDA_VISIBLE_DEVICES"] for n in range(3)] == ["2", "7", "2"]
    assert environment_of(0, 3, [])["CUDA_VISIBLE_DEVICES"] == ""  # rows run on the processor


def test_rows_run_on_the_gpus_of_the_device_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with_gpus(monkeypatch, (9, 0), (9, 0), (9, 0))
    processor_jobs = max(1, min(carry_out.cores(), carry_out.memory() // carry_out.WORKER_BYTES))
    asked = {"auto": ["0", "1", "2"], "cuda": ["0", "1", "2"], "cuda:1": ["1"], "cpu": []}
    for word, gpus in asked.items():
        with on_device(word):
            assert carry_out.visible_gpus() == gpus and carry_out.default_jobs() == (
                len(gpus) or processor_jobs
            ), word
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,9")
    with on_device("cuda:2"):
        assert carry_out.visible_gpus() == ["9"]
    with_gpus(monkeypatch)
    assert carry_out.visible_gpus() == []


class Interrupting(Told):
    """Is Ctrl-C once every part trains."""

    def __init__(self) -> None:
        super().__init__()
        self.training: set[str] = set()

    def begin(self, part: str) -> "Interrupting.Line":
        return Interrupting.Line(self, part)

    class Line(Told):
        def __init__(self, board: "Interrupting", part: str) -> None:
            super().__init__()
            self.board, self.part = board, part

        def progress(self, what: str, done: int, total: int | None, note: str = "") -> None:
            if what.startswith("training"):
                self.board.training.add(self.part)
            if len(self.board.training) == 2:
                raise KeyboardInterrupt


def test_an_interrupt_saves_what_is_trained_and_leaves_no_process(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crews: list[Crew] = []

    def noted(*what: Any) -> Crew:
        crews.append(Crew(*what))
        return crews[-1]

    monkeypatch.setattr(carry_out, "Crew", noted)
    asked = Reproduction("smoke", None, (*TOY, "training.steps=100000", "training.save_every=100000"))
    with pytest.raises(KeyboardInterrupt):
        reproduce(asked, here / "reports", Interrupting(), 2)
    processes = [worker.process for worker in crews[0].workers]
    assert [process.returncode for process in processes] == [0, 0]  # not killed: they had time to save
    assert len(list(here.glob("runs/*/*/checkpoints/last/model.safetensors"))) == 2
