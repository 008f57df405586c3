"""Which device models run on: what `--device` may be, what is refused with the reason, what is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from synthcli import device
from synthcli.device import (
    chosen_word,
    current_device,
    describe_gpu,
    device_of,
    driver_version,
    find_device,
    name_device,
    on_device,
    refuse_few_gpus,
    refuse_one_of_several,
    runs_on,
)
from synthcli.errors import SynthError
from synthcli.training.trainer import accelerate
from tests.fake_gpus import TORCH, with_gpus


@pytest.fixture(autouse=True)
def _nothing_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "LOCAL_RANK", "CUDA_VISIBLE_DEVICES", "ACCELERATE_USE_CPU"):
        monkeypatch.delenv(name, raising=False)


def refused(word: str) -> tuple[str, str]:
    """Return message and hint of the refusal of a word."""
    with pytest.raises(SynthError) as error:
        find_device(word)
    return error.value.message, error.value.hint


def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch)
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")
    with_gpus(monkeypatch, (9, 0), (8, 0))
    assert find_device("auto") == find_device("cuda") == torch.device("cuda", 0)
    assert find_device("cuda:1") == torch.device("cuda", 1)
    assert find_device("cpu") == torch.device("cpu")


def test_a_launchers_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, (9, 0), (9, 0))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert find_device("auto") == find_device("cuda") == torch.device("cuda", 1)
    assert refused("cuda:0")[0] == "`--device cuda:0` is one GPU, and 2 processes take one each"
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert find_device("auto") == torch.device("cpu")
    assert refused("cuda") == (
        "`--device cuda` is a GPU, and `ACCELERATE_USE_CPU` asks for the processor",
        "unset `ACCELERATE_USE_CPU`, or leave `--device` out",
    )


def test_one_gpu_is_not_for_several_processes() -> None:
    for word in ("auto", "cpu", "cuda"):
        refuse_one_of_several(word, 4)
    refuse_one_of_several("cuda:1", 1)
    with pytest.raises(SynthError) as error:
        refuse_one_of_several("cuda:1", 4)
    assert error.value.message == "`--device cuda:1` is one GPU, and 4 processes take one each"


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, (9, 0))
    expected = ("`--device cuda:3` is not there: torch finds 1", "the only GPU is `cuda:0`")
    assert refused("cuda:3") == expected
    with_gpus(monkeypatch, (9, 0), (9, 0))
    assert refused("cuda:2")[1] == "GPUs are `cuda:0` to `cuda:1`"


def refused_processes(processes: int) -> tuple[str, str]:
    with pytest.raises(SynthError) as error:
        refuse_few_gpus(processes)
    return error.value.message, error.value.hint


def test_processes_have_a_gpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with_gpus(monkeypatch)
    refuse_few_gpus(8, said.append)  # on processors as many as are asked for
    with_gpus(monkeypatch, (9, 0))
    refuse_few_gpus(1, said.append)
    which = "`CUDA_VISIBLE_DEVICES` says which GPUs there are to take"
    assert refused_processes(2) == (
        "`--processes 2` takes a GPU each, and there is one GPU",
        f"leave it out, or add `--device cpu`; {which}",
    )
    with on_device("cpu"):
        refuse_few_gpus(2, said.append)
    with_gpus(monkeypatch, (9, 0), (9, 0))
    refuse_few_gpus(2, said.append)
    assert refused_processes(3) == (
        "`--processes 3` takes a GPU each, and there are 2 GPUs",
        f"`--processes 2`, or add `--device cpu`; {which}",
    )
    assert said == []


def test_gpus_that_differ_are_said_and_one_that_torch_cannot_use_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    with_gpus(monkeypatch, (9, 0), (8, 0), (7, 0))
    refuse_few_gpus(2, said.append)
    differ = "note: the GPUs differ (cuda:0 Kind 9, 80 GB, cuda:1 Kind 8, 80 GB): "
    assert said == [f"{differ}the slowest sets the pace, and each has to hold its share"]
    message, hint = refused_processes(3)
    assert message.startswith("`--processes 3`: this torch is not built for cuda:2 Card 2, of compute ")
    assert hint == "leave that GPU out of `CUDA_VISIBLE_DEVICES`, or add `--device cpu`"
    with_gpus(monkeypatch, (7, 0), (7, 0))
    refuse_few_gpus(2, said.append)  # `auto`: all run on the processor
    assert len(said) == 1


def test_why_there_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch)

    def without_driver() -> None:
        raise RuntimeError("Found no NVIDIA driver on your system. Please check\nthat you have one")

    monkeypatch.setattr(torch.cuda, "init", without_driver)
    why = "`--device cuda`: torch finds no GPU: Found no NVIDIA driver on your system. Please check"
    assert refused("cuda") == (why, "leave `--device` out: models run on the processor")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert refused("cuda")[0] == "`--device cuda`: torch finds no GPU: `CUDA_VISIBLE_DEVICES` is ``"
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    assert refused("cuda")[0] == f"`--device cuda`: this torch, {torch.__version__}, is built without CUDA"


def test_a_card_too_old_for_this_torch_is_refused_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, (7, 0), (9, 0), built_for=("sm_75", "sm_90"))
    why = "this torch is not built for cuda:0 Card 0, of compute capability 7.0, but for sm_75, sm_90"
    assert refused("cuda") == (
        f"`--device cuda`: {why}",
        "install a torch that is, or leave `--device` out: models run on the processor",
    )
    said: list[str] = []
    assert find_device("auto", said.append) == find_device("cuda:1") == torch.device("cuda", 1)
    assert said == [f"warning: {why}"]
    with_gpus(monkeypatch, (7, 0), built_for=("sm_75", "sm_90"))
    assert find_device("auto", said.append) == torch.device("cpu")
    assert said == [f"warning: {why}"] * 2


@pytest.mark.parametrize(
    ("capability", "runs"),
    [
        ((7, 0), False),
        ((7, 5), True),
        ((8, 0), True),
        ((8, 9), True),
        ((9, 0), True),
        ((10, 3), True),
        ((11, 0), False),
        ((12, 1), True),
        ((13, 0), True),  # what is left to the driver to compile
    ],
)
def test_code_is_for_its_generation_and_what_is_compiled_later_for_all_after_it(
    capability: tuple[int, int], runs: bool
) -> None:
    assert runs_on(capability, TORCH) is runs


def test_code_for_one_kind_of_gpu_is_for_no_other() -> None:
    assert runs_on((10, 0), ("sm_100a",)) and not runs_on((10, 3), ("sm_100a",))


def test_a_choice_lasts_as_long_as_its_block_and_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, (9, 0), (9, 0))
    said: list[str] = []
    with on_device("auto", said.append):
        assert said == []  # it is found when it is needed
        assert {current_device() for _ in range(3)} == {torch.device("cuda", 0)}
        with on_device("cpu", said.append):
            assert (current_device(), chosen_word()) == (torch.device("cpu"), "cpu")
        with on_device("cuda:1", said.append):
            assert said == ["device: cuda:0 Card 0", "device: cuda:1 Card 1"]
        assert current_device() == torch.device("cuda", 0)
    assert len(said) == 2
    assert (current_device(), chosen_word()) == (torch.device("cuda", 0), "auto")


def test_a_word_that_is_no_device_is_refused_before_torch_is_asked() -> None:
    for word in ("gpu", "cuda:", "cuda:x", "cuda:-1", "CUDA", "cuda:0,1", "cpu:0", "mps", ""):
        with pytest.raises(SynthError) as error, on_device(word):
            pass
        hint = "`auto`, `cpu`, `cuda`, or one GPU by its number: `cuda:0`"
        assert (error.value.message, error.value.hint) == (f"`--device {word}` is no device", hint)


def test_a_model_without_tensors_is_on_the_processor() -> None:
    assert device_of(torch.nn.Identity()) == torch.device("cpu")
    assert device_of(torch.nn.Linear(2, 2, device="meta")) == torch.device("meta")


@pytest.fixture
def _own_accelerator() -> Iterator[None]:
    """Leave Accelerate's state, which all of a process share, as it was."""
    state = accelerate().state
    before = state.device
    yield
    state.device = before


@pytest.mark.usefixtures("_own_accelerator")
def test_training_is_where_it_was_asked_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accelerate takes the first GPU where there is one, and never leaves it in the same process."""
    with_gpus(monkeypatch, (9, 0), (9, 0))
    for word, expected in (("auto", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu"), ("cuda", "cuda:0")):
        with on_device(word):
            assert str(accelerate().device) == expected


def test_what_figures_of_a_gpu_depend_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_gpus(monkeypatch, (9, 0), (9, 0))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "nccl", type("NCCL", (), {"version": lambda: (2, 27, 5)}), raising=False)
    version = tmp_path / "version"
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 2026\n")
    monkeypatch.setattr(device, "DRIVER", (tmp_path / "none", version))
    gpu = torch.device("cuda", 1)
    assert describe_gpu(gpu) == {
        "gpu": "Card 1",
        "gpus": 2,
        "capability": "9.0",
        "driver": "580.65.06",
        "cuda": "13.0",
        "nccl": "2.27.5",
    }
    assert name_device(gpu) == "cuda:1 Card 1"
    monkeypatch.setattr(device, "DRIVER", (tmp_path / "none",))
    assert driver_version() is None and "driver" not in describe_gpu(gpu)
    assert describe_gpu(torch.device("cpu")) == {}
