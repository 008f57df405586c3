"""`synth kernels` and what `synth doctor` says of them, with libraries of one's own folder."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from synthcli.cli import screen
from synthcli.jobs import kernels as job
from synthcli.jobs import machine
from synthcli.kernels import builder, library, places
from synthcli.kernels.choice import PlainTorchWarning, mode
from synthcli.kernels.report import FILE, BuildReport, LibraryPart, as_text

from .conftest import Synth

NOTHING = {"CXX": "/nowhere/g++", "NVCC": "/nowhere/nvcc"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for libraries, the only one looked at, while no compiler is to be found."""
    folder = tmp_path / "own"
    monkeypatch.setenv("SYNTH_KERNELS_DIR", str(folder))
    monkeypatch.setattr(places, "package_folder", lambda: folder)
    monkeypatch.delenv("SYNTH_KERNELS", raising=False)
    for name, value in NOTHING.items():
        monkeypatch.setenv(name, value)
    library.outcome.cache_clear()
    yield folder
    library.outcome.cache_clear()


def write(folder: Path, cpu: LibraryPart, cuda: LibraryPart = LibraryPart("off")) -> None:  # noqa: B008  frozen
    folder.mkdir()
    text = as_text(BuildReport(1, places.hash_sources(places.sources()), cpu, cuda))
    (folder / FILE).write_text(text)


def test_without_a_build_status_says_so_and_what_to_do(synth: Synth, own: Path) -> None:
    said = synth("kernels", "status")
    assert said.code == 0
    assert [line.split() for line in said.out.splitlines()[1:]] == [
        ["cpu", "no", "no:", "nothing", "was", "built"],
        ["cuda", "no", "no:", "nothing", "was", "built"],
    ]
    assert "next: `synth kernels build`" in said.err


def test_a_build_that_failed_is_told_by_status_and_doctor(synth: Synth, own: Path) -> None:
    write(
        own,
        LibraryPart("absent", reason="no C++ compiler"),
        LibraryPart("failed", "nvcc", "release 13", reason="boom"),
    )
    for words in (("kernels", "status", "--json"), ("doctor", "--json")):
        data = json.loads(synth(*words).out)
        libraries = data["libraries" if words[0] == "kernels" else "kernels"]
        assert libraries["cpu"]["status"] == "absent" and libraries["cpu"]["why_not"] == "no C++ compiler"
        cuda = libraries["cuda"]
        assert (cuda["status"], cuda["version"], cuda["why_not"]) == ("failed", "release 13", "boom")
        assert not cuda["loads"] and not cuda["in_use"] and cuda["architectures"] == []
    assert "kernels: cuda  built: no (failed): boom; in use: no" in synth("doctor").out


def test_a_stale_build_is_not_used_and_named(synth: Synth, own: Path) -> None:
    own.mkdir()
    (own / FILE).write_text(as_text(BuildReport(1, "other", LibraryPart("built"), LibraryPart("off"))))
    data = json.loads(synth("kernels", "status", "--json").out)["libraries"]["cpu"]
    assert data["why_not"] == f"the build in `{own}` was made from other sources"
    assert data["status"] == "absent" and data["folder"] == str(own)


def test_a_file_that_is_no_library_is_refused(synth: Synth, own: Path) -> None:
    write(own, LibraryPart("built", "g++", "12", ("baseline",)))
    (own / places.FILES["cpu"]).write_text("text")
    data = json.loads(synth("kernels", "status", "--json").out)["libraries"]["cpu"]
    assert data["status"] == "built" and not data["in_use"]
    assert data["why_not"].startswith(f"`{own / places.FILES['cpu']}` is damaged, or not the library")


def test_build_without_a_compiler_fails_with_the_reason(synth: Synth, own: Path) -> None:
    said = synth("kernels", "build")
    assert said.code == 1
    assert "cpu      failed" in said.out
    assert said.err.endswith(
        "error: no kernel was built: `CXX` is `/nowhere/g++`, and there is no such program\n"
        "hint: SRU and SRU++ run in plain torch\n"
    )


def test_build_require_is_an_error_of_both(synth: Synth, own: Path) -> None:
    said = synth("kernels", "build", "--mode", "require")
    assert said.code == 1 and said.out == ""
    assert "cpu: `CXX` is `/nowhere/g++`" in said.err and "cuda: `NVCC` is `/nowhere/nvcc`" in said.err


def test_build_passes_mode_and_architectures_and_prints_the_report(
    synth: Synth, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def build(folder: Path, mode: str, *, architectures: str | None) -> BuildReport:
        asked.append((folder, mode, architectures))
        return BuildReport(
            1, "hash", LibraryPart("built", "g++", "12", ("baseline",)), LibraryPart("failed", reason="boom")
        )

    monkeypatch.setattr(builder, "build_kernels", build)
    said = synth("kernels", "build", "--mode", "auto", "--architectures", "80;90", "--json")
    assert said.code == 0 and asked == [(own, "auto", "80;90")]
    assert json.loads(said.out)["cuda"]["reason"] == "boom"
    assert f"wrote: {own}\nnext: `synth kernels test`\n" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["build", "--mode", "requires"],
            "error: unknown mode `requires`\nhint: did you mean `require`?\n",
        ),
        (
            ["build", "--architectures", "80;native"],
            (
                "error: `native` is no CUDA architecture\n"
                "hint: numbers as in `80;90`, ten times the compute capability, or `all-major`\n"
            ),
        ),
        (
            ["test"],
            (
                "error: there is no native kernel to test: nothing was built\n"
                "hint: `synth kernels build` makes it; it needs a C++ compiler such as g++\n"
            ),
        ),
    ],
)
def test_a_mistake_is_one_message(words: list[str], message: str, synth: Synth, own: Path) -> None:
    said = synth("kernels", *words)
    assert (said.code, said.out, said.err) == (2, "", message)
    assert not own.exists()


@pytest.mark.slow
def test_a_training_that_requires_a_kernel_says_what_there_is_not(
    synth: Synth, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTH_KERNELS", "native")
    said = synth("train", "srupp-enwik8-base", "--scale", "smoke", "--set", "training.steps=1")
    assert said.code == 2
    assert said.err.endswith(
        "error: `SYNTH_KERNELS=native`, and there is no kernel for cpu: nothing was built\n"
        "hint: `synth kernels build`; or unset `SYNTH_KERNELS` for the implementation in plain torch\n"
    )


def test_an_unknown_way_to_run_kernels_is_a_mistake(
    synth: Synth, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTH_KERNELS", "nativ")
    said = synth("kernels", "status")
    assert said.code == 2 and "did you mean `native`?" in said.err


# ---------------------------------------------------------------- a GPU without its kernel

SLOW = "warning: SRU's recurrence runs on the GPU in plain torch"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = machine.Machine("AVX2", "a GPU", "yes", has_gpu=True)
    monkeypatch.setattr(machine, "look", lambda: seen)


def test_status_and_doctor_warn_of_a_gpu_without_its_kernel(synth: Synth, own: Path, gpu: None) -> None:
    for words in (("kernels", "status"), ("doctor",)):
        said = synth(*words)
        assert said.code == 0 and said.err.count(SLOW) == 1
        assert "its kernel: nothing was built; to change that: `synth kernels build` (" in said.err
    assert json.loads(synth("kernels", "status", "--json").out)["warning"] == said.err[9:].split("\n")[0]


def test_plain_torch_that_is_asked_for_is_not_warned_of(
    synth: Synth, own: Path, gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTH_KERNELS", "reference")
    assert SLOW not in synth("kernels", "status").err + synth("doctor").err


def test_without_a_gpu_there_is_nothing_to_warn_of(synth: Synth, own: Path) -> None:
    assert SLOW not in synth("kernels", "status").err


def test_a_verb_that_warns_does_so_in_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = []
    monkeypatch.setattr(warnings, "showwarning", lambda *words: others.append(words[0]))
    screen.show_warnings_of(PlainTorchWarning)
    screen.show_warnings_of(PlainTorchWarning)
    warnings.showwarning(PlainTorchWarning("[of ours]"), PlainTorchWarning, "file.py", 1)
    warnings.showwarning(UserWarning("of others"), UserWarning, "file.py", 1)
    assert capsys.readouterr().err == "warning: [of ours]\n"
    assert [str(one) for one in others] == ["of others"]


# ---------------------------------------------------------------- the check itself, kernels or not


RIGHT = job.KernelFinding("cpu", "float32", "plain", 1e-7, 1e-7, 2e-7, 1e-7, True)


def test_one_wrong_recurrence_fails_the_test(
    synth: Synth, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "devices", lambda: ["cpu"])
    monkeypatch.setattr(job, "findings", lambda device: iter([RIGHT]))
    said = synth("kernels", "test")
    assert said.code == 0 and "right: 1 recurrences" in said.err
    wrong = replace(RIGHT, gradients=1e-2, is_right=False)
    monkeypatch.setattr(job, "findings", lambda device: iter([RIGHT, wrong]))
    said = synth("kernels", "test")
    assert said.code == 1
    assert "error: native kernels are wrong in 1 of 2 recurrences\n" in said.err
    assert "1.0e-02" in said.out and "wrong ✗" in said.out


@pytest.mark.slow
@pytest.mark.parametrize("case", job.CASES, ids=lambda case: case.name)
def test_the_check_calls_a_small_error_wrong(
    case: job.RecurrenceCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain torch plays the kernel: exact it is right; with one number a little off it is not."""
    import os

    from synthcli.model.ops import recurrence as ops

    torn = {"by": 0.0}

    def recurrence(u, *rest, **settings):
        is_kernel = os.environ["SYNTH_KERNELS"] == "native"
        with job.force_implementation("reference"):
            h, last = ops.recurrence(u, *rest, **settings)
        return (h, last * (1 + torn["by"])) if is_kernel else (h, last)

    monkeypatch.setattr(job, "recurrence", lambda **settings: recurrence(settings.pop("u"), **settings))
    for dtype, step in ((job.torch.float64, 1e-9), (job.torch.float32, 1e-3)):
        torn["by"] = 0.0
        assert job.try_case(case, dtype, "cpu").is_right
        torn["by"] = step
        assert not job.try_case(case, dtype, "cpu").is_right
        torn["by"] = float("nan")
        found = job.try_case(case, dtype, "cpu")
        assert not found.is_right and found.forward == float("inf")


def test_the_environment_is_as_it_was_after_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTH_KERNELS", "auto")
    with job.force_implementation("reference"):
        assert mode() == "reference"
    assert mode() == "auto"


def test_cases_cover_what_a_recurrence_can_have() -> None:
    switches = ("bidirectional", "has_padding", "has_starts", "has_mask")
    assert all(any(getattr(case, switch) for case in job.CASES) for switch in switches)
    assert {(case.parts, case.has_skip) for case in job.CASES} == {(3, True), (3, False), (4, False)}


def test_the_kernels_of_this_machine_are_right(synth: Synth) -> None:
    said = synth("kernels", "test")
    has_kernels = job.find_library("cpu").loads
    assert said.code == (0 if has_kernels else 2), said.out + said.err
    assert f"right: {len(job.CASES) * len(job.EXACT_ENOUGH)} recurrences" in said.err or not has_kernels
