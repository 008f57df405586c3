"""`training.deterministic`: what torch is asked for, how long, and what is said where it cannot be had."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from synthcli.errors import SynthError
from synthcli.training import determinism
from synthcli.training.determinism import (
    FIXED,
    WORKSPACE,
    describe_nondeterminism,
    deterministic,
    fix_workspace,
)
from synthcli.training.trainer import Callback
from tests.fake_gpus import with_gpus
from tests.training.toys import toy_callbacks, toy_config, toy_model, toy_train

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")


def settings() -> tuple[bool, bool, str | None]:
    fills: bool = getattr(torch.utils.deterministic, determinism.FILLS)
    return torch.are_deterministic_algorithms_enabled(), fills, os.environ.get(WORKSPACE)


def test_torch_is_asked_for_as_long_as_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    with_gpus(monkeypatch, (9, 0))
    before = settings()
    with fix_workspace(True), fix_workspace(True), deterministic(True, CUDA):
        assert settings() == (True, False, FIXED[0])
    assert settings() == before == (False, True, None)
    with fix_workspace(False), deterministic(False, CUDA):
        assert settings() == before
    with pytest.raises(KeyError), fix_workspace(True), deterministic(True, CUDA):
        raise KeyError
    assert settings() == before
    torch.use_deterministic_algorithms(True, warn_only=True)  # a user's own
    try:
        with deterministic(True, CUDA):
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_workspace_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, (9, 0))
    monkeypatch.setenv(WORKSPACE, ":16:8")
    with fix_workspace(True):
        assert os.environ[WORKSPACE] == ":16:8"
    assert os.environ[WORKSPACE] == ":16:8"
    monkeypatch.setenv(WORKSPACE, ":8192:2")
    with pytest.raises(SynthError) as caught, fix_workspace(True):
        pass
    assert str(caught.value) == (
        "`CUBLAS_WORKSPACE_CONFIG` is `:8192:2`, and `training.deterministic` needs `:4096:8` or `:16:8`\n"
        "hint: unset `CUBLAS_WORKSPACE_CONFIG`"
    )
    with_gpus(monkeypatch)
    with fix_workspace(True):  # a processor has no cuBLAS
        assert os.environ[WORKSPACE] == ":8192:2"


WITHOUT_FORM = (  # torch's own words
    "histc_cuda with floating point input does not have a deterministic implementation, but you set "
    "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation, …"
)
WITHOUT_WORKSPACE = (
    "Deterministic behavior was enabled with either `torch.use_deterministic_algorithms(True)` or "
    "`at::Context::setDeterministicAlgorithms(true)`, but this operation is not deterministic because it "
    "uses CuBLAS and you have CUDA >= 10.2. To enable deterministic behavior in this case, you must set an "
    "environment variable before running your PyTorch application: CUBLAS_WORKSPACE_CONFIG=:4096:8 or "
    "CUBLAS_WORKSPACE_CONFIG=:16:8."
)
NO_FORM_TOLD = (
    "`histc_cuda with floating point input` has no deterministic form on this device, and "
    "`training.deterministic` asks for one\n"
    "hint: leave `training.deterministic` out, or train on a processor: `--device cpu`"
)
NO_WORKSPACE_TOLD = (
    "cuBLAS was at work before `CUBLAS_WORKSPACE_CONFIG` was set, and `training.deterministic` needs it\n"
    "hint: `export CUBLAS_WORKSPACE_CONFIG=:4096:8` before Python starts"
)


@pytest.mark.parametrize(
    ("text", "told"), [(WITHOUT_FORM, NO_FORM_TOLD), (WITHOUT_WORKSPACE, NO_WORKSPACE_TOLD)]
)
def test_what_has_no_deterministic_form_is_named(text: str, told: str) -> None:
    with pytest.raises(SynthError) as caught, deterministic(True, CUDA):
        raise RuntimeError(text)
    assert str(caught.value) == told
    assert describe_nondeterminism(RuntimeError("size mismatch")) is None


class Watch(Callback):
    def __init__(self) -> None:
        self.seen: set[bool] = set()

    def on_step(self, *what: Any) -> None:
        self.seen.add(torch.are_deterministic_algorithms_enabled())


def test_a_processor_computes_the_same_bits_with_it_and_without(tmp_path: Path) -> None:
    weights, written = [], []
    for is_asked in (False, True):
        folder, model, watch = tmp_path / str(is_asked), toy_model(), Watch()
        folder.mkdir()
        config = toy_config(steps=8, deterministic=is_asked)
        toy_train(model, config, callbacks=[*toy_callbacks(folder), watch])
        weights.append(model.state_dict())
        written.append((folder / "journal.jsonl").read_bytes())
        assert watch.seen == {False}
    assert written[0] == written[1]
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
