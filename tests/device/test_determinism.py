"""With `training.deterministic` a step launches nothing that torch has no deterministic form of."""

from pathlib import Path

import pytest
import torch

from synthcli.training.determinism import deterministic
from tests.device.__main__ import count
from tests.device.cases import CASES, make
from tests.device.double import CUDA, Device

# of torch 2.13's list, `torch.use_deterministic_algorithms`, what is no layer of convolutions or pictures
WITHOUT = (
    "bincount",
    "cumsum",
    "histc",
    "kthvalue",
    "median",
    "nanmedian",
    "nll_loss2d_forward",
    "put",
    "put_",
)


def launched(name: str, corpora: Path, is_asked: bool) -> set[str]:
    with Device() as device:
        training = make(CASES[name], corpora).training
        with deterministic(is_asked, CUDA):
            count(device, training)
            assert torch.are_deterministic_algorithms_enabled() == is_asked
        assert not device.mixed, device.mixed
    return {str(operation).rpartition("aten.")[2].partition(".")[0] for operation in device.launches}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_step_launches_what_has_one_order_of_sums(name: str, corpora: Path) -> None:
    found = launched(name, corpora, is_asked=True)
    assert "mm" in found or "addmm" in found or "bmm" in found
    assert found.isdisjoint(WITHOUT), found


def test_running_sums_would_have_none(corpora: Path) -> None:
    assert "cumsum" in launched("causal-lm, skipless", corpora, is_asked=False)
