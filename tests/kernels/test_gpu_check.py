"""`make gpu-check` on a machine without CUDA, and the figures it computes."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.gpu import checks, clock, machine, needs, wheels
from benchmarks.gpu.parts import PARTS, Bench, Part, choose
from benchmarks.gpu.record import Record
from synthcli.model.ops.dispatch import uses_kernels

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu_check.py"


def results() -> dict[str, float]:
    return {path.name: path.stat().st_mtime for path in (ROOT / "benchmarks" / "results").glob("*")}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the message is about")
def test_without_cuda_it_is_one_message_and_nothing_is_written() -> None:
    before = results()
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    message = "torch sees no CUDA device; run this on a machine that has one (`--device cpu` is a rehearsal)"
    assert done.stderr == f"gpu-check: {message}\n"
    assert results() == before


@pytest.mark.parametrize("word", ["steps,speed", ""])
def test_a_part_that_there_is_not_is_named(word: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--only", word], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    wrong = word.partition(",")[2]
    assert done.stderr == f"gpu-check: {wrong!r} is no part: {', '.join(PARTS)}\n"


def test_parts_run_in_their_own_order() -> None:
    assert [part.name for part in choose("kernels, checks")] == ["checks", "kernels"]
    assert choose(None) == list(PARTS.values())
    assert sum(part.seconds for part in PARTS.values()) <= 540  # nine minutes


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    assert needs.install_from(tmp_path / "wheels", tmp_path / "packages", ["torch>=2", "mine_of>=3"]) == (
        "missing: mine_of; `pip install mine_of`, or `make gpu-wheels` where there is a network, and copy "
        "`wheels/` here"
    )


def test_wheels_that_do_not_help_are_told(tmp_path: Path) -> None:
    said = needs.install_from(tmp_path, tmp_path / "packages", ["mine_of"])
    assert said is not None
    assert said.startswith(f"missing: mine_of; `pip install mine_of`; `{tmp_path.name}/` did not help: ")
    assert said.endswith("ERROR: No matching distribution found for mine_of")


def write_wheel(folder: Path, name: str, needed: str = "") -> None:
    info = f"{name}-1.0.dist-info"
    requires = f"Requires-Dist: {needed}\n" if needed else ""
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "VALUE = 1\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def test_wheels_are_installed_with_what_they_need_beside_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch, which is there, is not asked of the folder of wheels, which has none."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    write_wheel(tmp_path, "synth_t_upper", "synth_t_lower")
    write_wheel(tmp_path, "synth_t_lower", "torch")
    packages = tmp_path / "packages"
    assert needs.install_from(tmp_path, packages, ["torch", "synth_t_upper>=1"]) is None
    assert sorted(path.name for path in packages.glob("*.py")) == ["synth_t_lower.py", "synth_t_upper.py"]
    assert needs.missing(["synth_t_upper", "synth_t_lower"]) == []


def test_wheels_are_of_a_platform_and_older_ones() -> None:
    assert wheels.list_platforms("manylinux_2_19_aarch64") == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    ]
    assert wheels.list_platforms("macosx_14_0_arm64") == ["macosx_14_0_arm64"]


def test_what_a_machine_has_is_left_out(tmp_path: Path) -> None:
    for name in ("Py_Arrow-1-py3-none-any.whl", "rich-2-py3-none-any.whl"):
        (tmp_path / name).touch()
    (tmp_path / "has.txt").write_text("py-arrow==1\n\nnumpy @ file:///x\n")
    wheels.leave_out(tmp_path, tmp_path / "has.txt")
    assert [path.name for path in tmp_path.glob("*.whl")] == ["rich-2-py3-none-any.whl"]


def test_a_failed_check_is_a_result_and_the_next_one_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong_numbers(device: torch.device) -> None:
        torch.testing.assert_close(torch.zeros(1, device=device), torch.ones(1, device=device))

    def not_here(device: torch.device) -> None:
        raise checks.Skipped(f"no use on {device.type}")

    def right(device: torch.device) -> None:
        assert device.type == "cpu"

    monkeypatch.setattr(checks, "CHECKS", (wrong_numbers, not_here, right))
    rows = list(checks.run(Bench(torch.device("cpu"), Path())))
    assert [row["result"] for row in rows] == ["failed", "skipped", "passed"]
    assert rows[0]["reason"].startswith("AssertionError: Tensor-likes are not close!")
    assert rows[1]["reason"] == "no use on cpu"
    assert json.loads(json.dumps(rows)) == rows


def test_the_kernel_has_to_have_run(monkeypatch: pytest.MonkeyPatch) -> None:
    if not uses_kernels("cpu"):
        pytest.skip("no library is built here")
    checks.the_kernel_runs(torch.device("cpu"))
    monkeypatch.setenv("SYNTH_KERNELS", "reference")
    with pytest.raises(AssertionError, match="0 calls of forward and backward"):
        checks.the_kernel_runs(torch.device("cpu"))


MACHINE = {"date": "d", "commit": "c", "changed_since_commit": False, "device": "x"}


def test_every_row_is_in_the_file_as_soon_as_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    record = Record(path, MACHINE)
    record.begin("checks")
    record.add("checks", {"result": "passed"})
    seen = json.loads(path.read_text())["parts"]["checks"]
    assert (seen["result"], seen["rows"]) == ("unfinished", [{"result": "passed"}])
    assert record.end("checks", None, 1.0) == "passed"
    again = Record(path, MACHINE)
    again.begin("steps")
    assert again.end("steps", None, 1.0) == "failed"  # nothing was found
    kept = json.loads(path.read_text())["parts"]
    assert (kept["checks"]["result"], kept["steps"]["problem"]) == ("passed", "it found nothing")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import os; os._exit(7)", "it ended with code 7: "),
        ("import time; time.sleep(60)", "it ended after 1 s"),
    ],
)
def test_a_part_that_breaks_or_hangs_loses_no_row(
    code: str,
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "part.py"
    script.write_text(f'print(\'{{"result": "passed"}}\', flush=True)\nprint("no row", flush=True)\n{code}\n')
    monkeypatch.setattr(gpu_check, "__file__", str(script))
    monkeypatch.setattr(gpu_check, "PATIENCE", 1)
    record = Record(tmp_path / "x.json", MACHINE)
    assert gpu_check.run_part(Part("p", "something", 1), "cpu", record, tmp_path) == "failed"
    kept = json.loads((tmp_path / "x.json").read_text())["parts"]["p"]
    assert kept["rows"] == [{"result": "passed"}]
    assert kept["problem"].startswith(problem.replace("ended after", "was ended after"))


def test_a_part_is_rehearsed(tmp_path: Path) -> None:
    """In a process of its own, from a user's command to the row of a form."""
    record = Record(tmp_path / "x.json", MACHINE)
    assert gpu_check.run_part(PARTS["attention"], "cpu", record, tmp_path) == "passed"
    rows = json.loads((tmp_path / "x.json").read_text())["parts"]["attention"]["rows"]
    assert {row["form"] for row in rows} == {"fused", "math", "products"}
    assert {row["mask"] for row in rows} == {True, False}


@pytest.mark.parametrize("name", ["steps", "verbs"])
def test_parts_are_rehearsed(name: str, tmp_path: Path) -> None:
    record = Record(tmp_path / "x.json", MACHINE)
    assert gpu_check.run_part(PARTS[name], "cpu", record, tmp_path) == "passed", record.parts
    assert len(record.parts[name]["rows"]) > 10


def test_bandwidth_counts_bytes_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "seconds", lambda work, device: 0.5)
    assert clock.copy_bandwidth(torch.device("cpu"), 1000) == 4000


def test_the_file_is_named_by_the_device() -> None:
    assert machine.slug("NVIDIA GeForce RTX 4090 (Laptop)") == "nvidia-geforce-rtx-4090-laptop"
