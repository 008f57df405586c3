"""Two processes read streams as one does, each its own, and a checkpoint holds the states of all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from synthcli.cli.processes import free_port
from synthcli.data.config import BatchConfig
from synthcli.errors import SynthError
from synthcli.training import metrics_log
from synthcli.training.checkpoints import load_checkpoint
from synthcli.training.recurrent_state import CARRIED
from synthcli.training.trainer import refuse_few_streams
from tests.training.share_of_streams import AT, CASES, SAVED_AT, STEPS, watched_training

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which one process left its checkpoints and journal of every case."""
    folder = tmp_path_factory.mktemp("one")
    for name in CASES:
        seen = watched_training(name, folder / name).seen
        torch.save(seen, folder / name / "gradients.pt")
    return folder


@pytest.fixture(scope="module")
def shares(alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes left theirs, of whole trainings and of those of one they resumed."""
    folder = tmp_path_factory.mktemp("two")
    common = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
    }
    processes = []
    for rank in ("0", "1"):
        command = [sys.executable, "-m", "tests.training.share_of_streams", str(folder), rank, str(alone)]
        own = os.environ | common | {"RANK": rank, "LOCAL_RANK": rank}
        processes.append(
            subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        )
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output.decode()
    return folder


def gradients_of_one(alone: Path, name: str) -> dict[str, torch.Tensor]:
    seen: dict[str, torch.Tensor] = torch.load(alone / name / "gradients.pt")
    assert {int(key.partition("/")[0]) for key in seen} == set(range(1, STEPS + 1))
    return seen


def after_the_save(gradients: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: found for key, found in gradients.items() if int(key.partition("/")[0]) > SAVED_AT}


def assert_same_weights(found: Path, expected: Path) -> None:
    # RAdam divides by the gradient's size: rounding of one that is nothing else shows
    torch.testing.assert_close(
        load_checkpoint(found).weights, load_checkpoint(expected).weights, rtol=1e-7, atol=1e-8
    )


@pytest.mark.parametrize("name", CASES)
def test_two_processes_have_the_gradients_losses_and_weights_of_one(
    shares: Path, alone: Path, name: str
) -> None:
    expected = gradients_of_one(alone, name)
    for rank in (0, 1):
        found = load_file(shares / name / f"gradients-of-{rank}.safetensors")
        torch.testing.assert_close(found, expected, **CLOSE)
    records = metrics_log.read_journal(shares / name / "run" / "journal.jsonl")
    for record, one in zip(records, metrics_log.read_journal(alone / name / "journal.jsonl"), strict=True):
        assert record == pytest.approx(one, rel=1e-9)
    assert_same_weights(shares / name / "run", alone / name)


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_of_two_processes_holds_the_states_of_all_streams_in_order(
    shares: Path, alone: Path, name: str
) -> None:
    found = load_file(shares / name / "run" / AT / "training" / CARRIED)
    expected = load_file(alone / name / AT / "training" / CARRIED)
    torch.testing.assert_close(found, expected, **CLOSE)
    streams = CASES[name][0]["size"]
    assert {len(part) for part in found.values() if part.dim()} == {streams}


@pytest.mark.parametrize("name", CASES)
def test_one_process_goes_on_with_a_run_of_two(shares: Path, alone: Path, tmp_path: Path, name: str) -> None:
    watch = watched_training(name, tmp_path, resume=shares / name / "run" / AT)
    torch.testing.assert_close(watch.seen, after_the_save(gradients_of_one(alone, name)), **CLOSE)
    assert_same_weights(tmp_path, shares / name / "run")


@pytest.mark.parametrize("name", CASES)
def test_two_processes_go_on_with_a_run_of_one(shares: Path, alone: Path, name: str) -> None:
    expected = after_the_save(gradients_of_one(alone, name))
    for rank in (0, 1):
        found = load_file(shares / name / f"resumed-gradients-of-{rank}.safetensors")
        torch.testing.assert_close(found, expected, **CLOSE)
    assert_same_weights(shares / name / "resumed", alone / name)


def test_fewer_streams_than_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    refuse_few_streams(BatchConfig(size=3))
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(SynthError) as error:
        refuse_few_streams(BatchConfig(size=3))
    assert error.value.message == (
        "`data.batch.size = 3` streams are too few for 4 processes, each of which reads streams of its own"
    )
    assert error.value.hint == "raise `data.batch.size`, or train in fewer processes"
