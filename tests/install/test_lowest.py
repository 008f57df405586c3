"""Lower bounds: every dependency has one, everywhere the same, not above what the tests run with."""

import re
import tomllib

import pytest

from . import lowest
from .lowest import ROOT, list_lines, read_bounds, read_constraints


def read_requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(one for extra in extras for one in extra)]


def order(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_a_package_has_one_bound_wherever_it_is_named() -> None:
    pairs = {tuple(requirement.split(">=")) for requirement in read_requirements()}
    assert len(pairs) == len({name for name, _ in pairs}) > 40


def test_bounds_are_not_above_what_the_tests_run_with() -> None:
    newest = {re.sub(r"[-_.]+", "-", name).lower(): one for name, one in read_constraints().items()}
    bounds = read_bounds()
    assert len(bounds) > 30
    for name, low in bounds.items():
        assert order(low) <= order(newest[re.sub(r"[-_.]+", "-", name).lower()]), name


def test_lines_are_pins_and_say_that_the_bound_of_torch_is_not_tried() -> None:
    lines, bounds = list_lines(), read_bounds()
    assert len(lines) == len(bounds) and f"numpy=={bounds['numpy']}" in lines
    (other,) = (line for line in lines if not re.fullmatch(r"[\w.-]+==[\d.]+", line))
    pin, note = other.split("  # ")
    assert pin == f"torch=={read_constraints()['torch']}"
    assert note == f"of constraints.txt: its bound, {bounds['torch']}, is not tried"


@pytest.mark.parametrize("line", ["numpy", "numpy>=2,<3", "numpy==2.0"])
def test_another_form_is_refused(line: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    extras = "".join(f"{name} = []\n" for name in lowest.TRIED)
    text = f'[project]\ndependencies = ["{line}"]\n[project.optional-dependencies]\n{extras}'
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(lowest, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="is not `name>=version`"):
        read_bounds()
