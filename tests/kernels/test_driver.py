"""A CUDA library that cannot run here: plain torch takes over and says why; only `native` makes it an error.

The driver is one of the host's: `kernels/cuda_on_host.h` answers what variables tell it to.
"""

import hashlib
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from synthcli.errors import SynthError
from synthcli.kernels import library, places
from synthcli.kernels.abi import ABI, CUDA_ERROR
from synthcli.kernels.choice import PlainTorchWarning
from synthcli.kernels.library import open_library
from synthcli.kernels.report import FILE, BuildReport, LibraryPart, as_text
from synthcli.model.ops import dispatch
from tests.kernels.on_host import compile_on_host

pytestmark = pytest.mark.slow

INSUFFICIENT_DRIVER, NO_DEVICE, NO_KERNEL_IMAGE, UNSUPPORTED_PTX = 35, 100, 209, 222
FOR = ("sm_80", "sm_90", "compute_90")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_on_host(tmp_path_factory.mktemp("driver") / "libhost.so", "-O0")


@pytest.fixture
def driver(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A machine whose only build is for CUDA, and what sets the variables that its driver obeys."""
    folder = tmp_path / "own"
    folder.mkdir()
    path = folder / places.FILES["cuda"]
    path.write_bytes(compiled.read_bytes())
    part = LibraryPart("built", "nvcc", "13", FOR, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    report = BuildReport(ABI, places.hash_sources(places.sources()), LibraryPart("off"), part)
    (folder / FILE).write_text(as_text(report))
    monkeypatch.setenv("SYNTH_KERNELS_DIR", str(folder))
    monkeypatch.setattr(places, "package_folder", lambda: tmp_path / "none")
    monkeypatch.delenv("SYNTH_KERNELS", raising=False)
    monkeypatch.setenv("NVCC", "/bin/true")
    caches = (library.outcome, library._refusal, dispatch.warn_slow)
    for cache in caches:
        cache.cache_clear()
    yield monkeypatch
    for cache in caches:
        cache.cache_clear()


def answer(driver: pytest.MonkeyPatch, error: int, target: int = 90, knows: int = 13000) -> None:
    driver.setenv("CUDA_ON_HOST_ERROR", str(error))
    driver.setenv("CUDA_ON_HOST_TARGET", str(target))
    driver.setenv("CUDA_ON_HOST_DRIVER", str(knows))


REASONS = [
    (
        (INSUFFICIENT_DRIVER, 90, 12040),
        "the driver knows CUDA up to 12.4, and the library needs 13.0",
        "update the driver, or `NVCC=/path/to/nvcc synth kernels build` with the nvcc of an older CUDA",
    ),
    ((INSUFFICIENT_DRIVER, 0, 0), "there is no driver of CUDA here", "install NVIDIA's driver"),
    ((NO_DEVICE, 0, 13000), "CUDA finds no GPU", "see to the driver and `CUDA_VISIBLE_DEVICES`"),
    (
        (NO_KERNEL_IMAGE, 70, 13000),
        "the GPU is sm_70, older than all that the library is compiled for: sm_80 sm_90 compute_90",
        "`synth kernels build`",
    ),
    (
        (NO_KERNEL_IMAGE, 120, 13000),
        "the GPU is sm_120, which the library is not compiled for: sm_80 sm_90 compute_90",
        "`synth kernels build`",
    ),
    (
        (UNSUPPORTED_PTX, 121, 12080),
        "the GPU is sm_121, which the library is not compiled for: sm_80 sm_90 compute_90",
        "`synth kernels build`",
    ),
    ((999, 90, 13000), "CUDA says: unknown error", "`synth kernels build`"),
]


@pytest.mark.parametrize(("answers", "reason", "remedy"), REASONS, ids=lambda value: str(value)[:30])
def test_plain_torch_takes_over_and_says_why_once(
    driver: pytest.MonkeyPatch, answers: tuple[int, int, int], reason: str, remedy: str
) -> None:
    answer(driver, *answers)
    with pytest.warns(PlainTorchWarning) as told:
        assert not dispatch.uses_kernels("cuda", 0)
        assert not dispatch.uses_kernels("cuda", 0) and not dispatch.uses_kernels("cuda")
    (only,) = told
    assert str(only.message) == (
        "SRU's recurrence runs on the GPU in plain torch, step after step and far slower than its kernel: "
        f"{reason}; to change that: {remedy} (`SYNTH_KERNELS=reference` asks for plain torch, "
        "and is not warned of)"
    )
    assert dispatch.description("cuda") == f"plain torch ({reason})"


@pytest.mark.parametrize(("answers", "reason", "remedy"), REASONS, ids=lambda value: str(value)[:30])
def test_where_a_kernel_is_required_it_is_an_error(
    driver: pytest.MonkeyPatch, answers: tuple[int, int, int], reason: str, remedy: str
) -> None:
    answer(driver, *answers)
    driver.setenv("SYNTH_KERNELS", "native")
    with pytest.raises(SynthError) as caught:
        dispatch.uses_kernels("cuda", 0)
    assert caught.value.message == f"`SYNTH_KERNELS=native`, and there is no kernel for cuda: {reason}"
    assert caught.value.hint == (f"{remedy}; or unset `SYNTH_KERNELS` for the implementation in plain torch")


def test_a_gpu_that_runs_it_uses_it(driver: pytest.MonkeyPatch) -> None:
    answer(driver, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dispatch.uses_kernels("cuda", 0) and dispatch.uses_kernels("cuda", 1)
    assert dispatch.description("cuda") == "native (sm_90)"
    answer(driver, 0, 75)
    assert dispatch.description("cuda", 1) == "native (sm_75)"  # another card beside it


def test_a_device_that_is_not_there_is_a_reason_too(driver: pytest.MonkeyPatch) -> None:
    answer(driver, 0)
    assert dispatch.why_not("cuda", 7) == "CUDA says: invalid device ordinal"
    assert dispatch.why_not("cuda", 1) is None


@pytest.mark.parametrize(("own", "installed"), [(False, True), (True, False)])
def test_of_two_libraries_the_one_that_can_run_is_taken(
    driver: pytest.MonkeyPatch, tmp_path: Path, own: bool, installed: bool
) -> None:
    """One's own, built on another machine with the same home, comes before the one that was installed."""
    shutil.copytree(tmp_path / "own", tmp_path / "installed")
    driver.setattr(places, "package_folder", lambda: tmp_path / "installed")
    can_run = {"own": own, "installed": installed}

    def open_either(kind: library.Kind, path: Path) -> library.Library:
        opened = open_library(kind, path)
        status = 0 if can_run[path.parent.name] else CUDA_ERROR + NO_KERNEL_IMAGE
        assert opened.driver is not None
        return replace(opened, driver=replace(opened.driver, usable=lambda device: status))

    driver.setattr(library, "open_library", open_either)
    assert dispatch.uses_kernels("cuda", 0) and dispatch.uses_kernels("cuda")
    assert library.load_library("cuda", 0).path.parent.name == ("own" if own else "installed")


def test_plain_torch_that_is_asked_for_is_not_warned_of(driver: pytest.MonkeyPatch) -> None:
    answer(driver, NO_KERNEL_IMAGE)
    driver.setenv("SYNTH_KERNELS", "reference")
    assert not dispatch.uses_kernels("cuda", 0)


def test_one_process_of_several_warns(driver: pytest.MonkeyPatch) -> None:
    answer(driver, NO_KERNEL_IMAGE)
    driver.setenv("RANK", "1")
    assert not dispatch.uses_kernels("cuda", 0)


def test_without_a_compiler_the_remedy_names_its_package(driver: pytest.MonkeyPatch) -> None:
    answer(driver, NO_KERNEL_IMAGE, 70)
    for name in ("NVCC", "CUDA_HOME", "CXX"):
        driver.delenv(name, raising=False)
    driver.setenv("PATH", "/nowhere")
    driver.setattr("synthcli.kernels.compilers.NVCC_FOLDER", Path("/nowhere"))
    driver.setattr("synthcli.kernels.compilers._folders_of_packages", list)
    with pytest.warns(PlainTorchWarning) as told:
        dispatch.uses_kernels("cuda", 0)
    remedy = "install a C++ compiler such as g++, then `pip install nvidia-cuda-nvcc && synth kernels build`"
    assert f"to change that: {remedy} (" in str(told[0].message)


def test_a_file_that_cannot_be_read_is_a_reason(driver: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer(driver, 0)
    path = tmp_path / "own" / places.FILES["cuda"]
    path.unlink()
    path.mkdir()
    assert dispatch.why_not("cuda") == f"`{path}` cannot be read: Is a directory"
