"""Which architectures of GPUs are compiled for, and what compilers are told."""

from pathlib import Path

import pytest

from synthcli.errors import SynthError
from synthcli.kernels import recipes
from synthcli.kernels.compilers import CompileError, first_error

from .conftest import Compiler

KNOWN = [75, 80, 86, 89, 90, 100, 103, 120, 121]


@pytest.mark.parametrize(
    ("present", "codes"),
    [
        ([], ["sm_80", "sm_90", "sm_100", "sm_120", "compute_121"]),
        ([90], ["sm_90"]),
        ([90, 80, 90], ["sm_80", "sm_90"]),
        ([130], ["compute_121"]),  # newer than nvcc: the newest it knows, translated by the driver
        ([90, 130], ["sm_90", "compute_121"]),
        ([60, 90], ["sm_90"]),
    ],
)
def test_gpus_of_the_machine_decide_what_is_compiled(present: list[int], codes: list[str]) -> None:
    assert recipes.default_architectures(KNOWN, present) == codes


def test_all_major_ones_are_the_oldest_of_each_generation_and_code_for_later_ones() -> None:
    codes = ["sm_75", "sm_80", "sm_90", "sm_100", "sm_120", "compute_121"]
    assert recipes.parse_architectures(" all-major ") == ["all-major"]
    assert recipes.major_architectures(KNOWN) == codes


def test_an_older_nvcc_compiles_for_what_it_knows() -> None:
    assert recipes.default_architectures([70, 80, 86, 90], []) == ["sm_80", "sm_90", "compute_90"]


def test_a_gpu_older_than_nvcc_is_a_reason() -> None:
    with pytest.raises(CompileError, match="nvcc compiles for 75 to 121, and the GPU here is 60"):
        recipes.default_architectures(KNOWN, [60])


@pytest.mark.parametrize("text", ["80;90a", "80, 90a", " 80 90a ;"])
def test_architectures_are_read_from_a_list(text: str) -> None:
    assert recipes.parse_architectures(text) == ["sm_80", "sm_90a"]


@pytest.mark.parametrize("text", ["native", "8.0", "80;sm_90"])
def test_an_architecture_that_is_none_is_named(text: str) -> None:
    with pytest.raises(SynthError, match="is no CUDA architecture"):
        recipes.parse_architectures(text)


def test_gpus_are_asked_for_their_capability(compiler: Compiler) -> None:
    assert recipes.present_architectures() == []
    script = compiler("nvidia-smi", "")
    script.write_text("#!/bin/sh\necho 9.0\necho 12.0\n")
    assert recipes.present_architectures() == [90, 120]
    script.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed because 2.0 drivers'\nexit 9\n")
    assert recipes.present_architectures() == []


def test_every_object_is_linked_and_other_processors_get_the_baseline_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for machine, count in (("x86_64", 4), ("aarch64", 2)):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        commands = recipes.cpu_objects(["g++"], Path("/sources"))
        objects = [command[-1] for command in commands]
        assert len(objects) == count
        assert recipes.cpu_link(["g++"])[-count:] == objects
        assert ("-DSRU_ONLY_BASELINE" in commands[-1]) == (count == 2)
        assert not any("native" in word for command in commands for word in command)


def test_a_reason_is_the_first_error_or_the_last_line() -> None:
    assert first_error("a: note: x\nb: fatal error: y.h: No such file\nc: error: z") == (
        "b: fatal error: y.h: No such file"
    )
    assert first_error("killed\nfor want of memory\n\n") == "for want of memory"
    assert first_error("") == ""
    assert len(first_error("error: " + "x" * 1000)) == 300
