"""What the hook of the build puts into a wheel and how it names it, with a build that is pretended."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synthcli.kernels import builder
from synthcli.kernels.places import FILES
from synthcli.kernels.report import FILE, BuildReport, LibraryPart, as_text

ROOT = Path(__file__).parents[2]
INTERFACE = "hatchling.builders.hooks.plugin.interface"


class Interface:
    """What a hook gets from its base class."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hook on a checkout in a folder of its own, in an environment that asks for nothing."""
    module = ModuleType(INTERFACE)
    module.BuildHookInterface = Interface  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, INTERFACE, module)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("SYNTH_BUILD_KERNELS", raising=False)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec and spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded.KernelsHook(tmp_path)


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Builds write what they are told to, and remember how they were asked."""
    told: dict[str, Any] = {"status": "built"}

    def build(target: Path, mode: str, *, sources: Path) -> BuildReport:
        told.update(target=target, mode=mode, sources=sources)
        report = BuildReport(
            1, "hash", LibraryPart(told["status"], reason="why"), LibraryPart("absent", reason="no nvcc")
        )
        target.mkdir(parents=True, exist_ok=True)
        (target / FILE).write_text(as_text(report))
        (target / ".lock").touch()
        if report.cpu.is_built:
            (target / FILES["cpu"]).touch()
        return report

    monkeypatch.setattr(builder, "build_kernels", build)
    return told


def started(hook: Any, version: str) -> dict[str, Any]:
    data: dict[str, Any] = {"force_include": {}}
    hook.initialize(version, data)
    return data


def test_a_wheel_with_a_library_is_of_this_platform(
    hook: Any, pretended: dict[str, Any], capsys: Any
) -> None:
    data = started(hook, "standard")
    assert data["pure_python"] is False and data["tag"].startswith("py3-none-")
    assert not set("-.") & set(data["tag"].removeprefix("py3-none-"))
    inside = {f"synthcli/kernels/built/{name}" for name in (FILE, FILES["cpu"])}
    assert set(data["force_include"].values()) == inside
    assert pretended["mode"] == "auto" and pretended["sources"] == Path(hook.root, "kernels")
    told = "native kernels: cpu: built, why\nnative kernels: cuda: absent, no nvcc\n"
    assert capsys.readouterr().err == told
    hook.finalize("standard", data, "some.whl")
    assert not pretended["target"].exists()


def test_a_wheel_without_a_library_is_of_any_platform_and_says_why(
    hook: Any, pretended: dict[str, Any]
) -> None:
    pretended["status"] = "failed"
    data = started(hook, "standard")
    assert "tag" not in data and "pure_python" not in data
    assert list(data["force_include"].values()) == [f"synthcli/kernels/built/{FILE}"]


def test_an_editable_install_builds_into_the_checkout(hook: Any, pretended: dict[str, Any]) -> None:
    data = started(hook, "editable")
    target = Path(hook.root, "synthcli/kernels/built")
    assert pretended["target"] == target and data["force_include"] == {}
    hook.finalize("editable", data, "some.whl")
    assert (target / FILES["cpu"]).is_file()


def test_an_unknown_mode_ends_the_install(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTH_BUILD_KERNELS", "on")
    with pytest.raises(SystemExit, match="error: `SYNTH_BUILD_KERNELS` is `on`"):
        started(hook, "standard")


def test_the_hook_needs_nothing_but_the_standard_library() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import synthcli.kernels.builder
print(sorted({{name.partition(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names)))
"""
    command = [sys.executable, "-I", "-S", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout == "['__main__', 'synthcli']\n"
