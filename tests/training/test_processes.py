"""Two processes train what one does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from synthcli.training import metrics_log
from synthcli.training.checkpoints import load_checkpoint
from tests.training.share_of_two import BATCHES, watched_training

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def launch(module: str, folder: Path, world: int) -> Path:
    """Run a module in several processes, as a launcher does; return the folder that they are given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    processes = []
    for rank in map(str, range(world)):
        own = {"RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", module, str(folder), rank]
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | common | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        processes.append(process)
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output.decode()
    return folder


@pytest.fixture(scope="module")
def shares(tmp_path_factory) -> Path:
    """The folder in which two processes left their gradients, journals and checkpoints."""
    return launch("tests.training.share_of_two", tmp_path_factory.mktemp("two"), 2)


@pytest.mark.parametrize("name", BATCHES)
def test_two_processes_have_the_gradients_losses_and_weights_of_one(shares, tmp_path, name: str) -> None:
    alone = watched_training(BATCHES[name], tmp_path).seen
    for rank in (0, 1):
        gradients = load_file(shares / name / f"gradients-of-{rank}.safetensors")
        torch.testing.assert_close(gradients, alone, rtol=1e-9, atol=1e-12)
    records = metrics_log.read_journal(shares / name / "run" / "journal.jsonl")
    for record, expected in zip(records, metrics_log.read_journal(tmp_path / "journal.jsonl"), strict=True):
        assert record == pytest.approx(expected, rel=1e-9)
    weights = load_checkpoint(shares / name / "run").weights
    # AdamW divides by the gradient's size: rounding of one that is nothing else (a key's bias) shows
    torch.testing.assert_close(weights, load_checkpoint(tmp_path).weights, rtol=1e-9, atol=1e-9)


def test_processes_take_a_format_that_the_devices_of_all_have(shares: Path) -> None:
    assert [(shares / f"precision-{rank}").read_text() for rank in (0, 1)] == ["fp32", "fp32"]


def test_three_processes_resumed_end_with_the_same_bits(tmp_path: Path) -> None:
    launch("tests.training.share_of_three", tmp_path, 3)
    for name in ("journal.jsonl", "checkpoints/last/model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name
