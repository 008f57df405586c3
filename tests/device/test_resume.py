"""A training that goes on waits no more often than one that was never stopped."""

from pathlib import Path

import pytest

from synthcli.training import state
from tests.device.__main__ import count
from tests.device.cases import CASES, make
from tests.device.double import CUDA, Device


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "where"), [("streams", "cpu"), ("seq2seq", "cuda")]
)  # RAdam, and fused AdamW
def test_moments_come_back_to_where_the_optimizer_reads_them(
    name: str, where: str, corpora: Path, tmp_path: Path
) -> None:
    waits = []
    with Device() as device:
        first = make(CASES[name], corpora).training
        count(device, first)
        waits.append(device.waits.total())
        state.save_optimizer(first, tmp_path / "training")
        again = make(CASES[name], corpora).training
        state.restore_optimizer(again, tmp_path / "training")
        again.step = first.step
        moments = list(again.optimizer.state.values())
        assert {moment["exp_avg"].device for moment in moments} == {CUDA}
        assert {moment["step"].device.type for moment in moments} == {where}
        count(device, again)
        waits.append(device.waits.total())
    assert waits[0] == waits[1], device.waits
