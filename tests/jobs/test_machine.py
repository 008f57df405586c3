"""What a machine offers, told without torch, is what torch tells; torch is asked where there may be a GPU."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from synthcli.jobs import machine
from synthcli.training.precision import has_bf16
from tests.fake_gpus import with_gpus

WIDE = "fma avx2 avx512f avx512bw avx512dq avx512vl"


@pytest.fixture(autouse=True)
def _looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    cached = (machine.look, machine.driver)  # which a test may replace
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def without_gpu(monkeypatch: pytest.MonkeyPatch, flags: Path, architecture: str = "x86_64") -> None:
    monkeypatch.setattr(machine, "driver", lambda: "none")
    monkeypatch.setattr(machine, "SIGNS", (flags / "none",))
    monkeypatch.setattr(machine, "FLAGS", flags)
    monkeypatch.setattr("platform.machine", lambda: architecture)


@pytest.mark.parametrize(
    ("flags", "capability", "bf16"),
    [
        (f"{WIDE} amx_bf16", "AVX512", "yes"),
        (f"{WIDE} avx512_bf16", "AVX512", "yes"),
        (WIDE, "AVX512", "no"),
        ("fma avx2 avx512f", "AVX2", "no"),
        ("avx2", "NO AVX", "no"),
    ],
)
def test_flags_of_a_processor_tell_all(
    flags: str, capability: str, bf16: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\nbugs\t\t: amx_bf16\n")
    without_gpu(monkeypatch, tmp_path / "cpuinfo")
    assert machine.look() == machine.Machine(capability, "none", bf16, has_gpu=False)


def test_flags_of_this_processor_tell_what_torch_tells() -> None:
    if torch.cuda.is_available() or machine.processor_flags() is None:
        pytest.skip("torch is asked here: a GPU, or no flags of an x86 processor")
    bf16 = "yes" if has_bf16(torch.device("cpu")) else "no"
    capability = torch.backends.cpu.get_cpu_capability()
    assert machine.look() == machine.Machine(capability, "none", bf16, has_gpu=False)


def test_torch_is_asked_where_nothing_else_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = machine.Machine("AVX2", "a GPU", "yes", has_gpu=True)
    monkeypatch.setattr(machine, "ask_torch", lambda: told)
    (tmp_path / "cpuinfo").write_text(f"flags : {WIDE}\n")
    changes = {
        "a device": lambda: monkeypatch.setattr(machine, "SIGNS", (tmp_path,)),
        "a driver": lambda: monkeypatch.setattr(machine, "driver", lambda: "580.1, NVIDIA H200, 9.0"),
        "another processor": lambda: monkeypatch.setattr("platform.machine", lambda: "aarch64"),
        "no flags": lambda: monkeypatch.setattr(machine, "FLAGS", tmp_path / "none"),
        "a variable of torch": lambda: monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2"),
    }
    for name, change in changes.items():
        without_gpu(monkeypatch, tmp_path / "cpuinfo")
        machine.look.cache_clear()
        change()
        assert machine.look() == told, name


def test_what_torch_answers_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(machine.ASK_TORCH, {})  # here, where torch is loaded already
    answer = machine.Machine(**json.loads(capsys.readouterr().out))
    assert answer.has_gpu == torch.cuda.is_available() == (answer.accelerator != "none")
    monkeypatch.setattr(machine, "ASK_TORCH", f"print('a warning\\n' + {json.dumps(vars(answer))!r})")
    assert machine.ask_torch() == answer


def test_gpus_and_what_torch_has_for_them_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_gpus(monkeypatch, (7, 0), (9, 0))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    exec(machine.ASK_TORCH, {})
    answer = machine.Machine(**json.loads(capsys.readouterr().out))
    assert (answer.accelerator, answer.gpus, answer.cuda) == ("Card 0", 2, "13.0")
    assert answer.device.startswith("cuda:1 Card 1; warning: this torch is not built for cuda:0 Card 0, of")


def test_a_torch_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ASK_TORCH", "raise ImportError('libcudart.so.13: no such file')")
    said = machine.ask_torch()
    assert said.accelerator.startswith("unknown: torch does not tell (`python")
    assert "ImportError: libcudart.so.13: no such file)" in said.accelerator
    assert (said.capability, said.bf16, said.has_gpu) == ("unknown", "unknown", False)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo '580.1, NVIDIA H200, 9.0'", "580.1, NVIDIA H200, 9.0"),
        ("printf '580.1, A, 9.0\\n580.1, B, 8.0\\n'", "580.1, A, 9.0; 580.1, B, 8.0"),
        ("exit 0", "none"),
        ("echo 'No devices were found'; exit 6", "`nvidia-smi`: No devices were found"),
    ],
)
def test_gpus_are_those_that_the_driver_lists(
    script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert machine.driver() == told


def test_without_the_driver_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.driver() == "none"
