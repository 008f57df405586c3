"""A process that a launcher of others started, such as torchrun: what it says of a failure."""

import pytest

from synthcli.cli import screen
from synthcli.errors import OutOfMemoryError

from .conftest import Synth


@pytest.fixture(autouse=True)
def _second_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(screen, "IS_SILENT", True)
    monkeypatch.setattr(screen.err, "quiet", True)


def test_a_process_says_what_failed_in_it_alone(
    synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*what: object) -> None:
        raise OutOfMemoryError("there is not enough memory on GPU 1", "lower the batch")

    monkeypatch.setattr("synthcli.jobs.train.train_experiment", fail)
    said = synth("train", tiny)
    assert said.code == 1
    assert said.err == ("error: process 1 of 3: there is not enough memory on GPU 1\nhint: lower the batch\n")


def test_a_mistake_is_told_by_the_first(synth: Synth) -> None:
    said = synth("train", "no-such-preset")
    assert (said.code, said.err) == (2, "")
