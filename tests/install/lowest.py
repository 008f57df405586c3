"""The lowest versions that `pyproject.toml` allows: `python -m tests.install.lowest` prints them for pip.

`make lowest-check` installs them into an environment of its own and runs the fast tests there. torch is that
of `constraints.txt`, as a release of it brings gigabytes for GPUs: its bound is not tried, and the list
says so. Warnings are no errors there: what an old library does with a newer one is not ours to mend.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+)")
PINNED = "torch"
TRIED = ("onnx", "ray", "tensorboard", "moses", "hf", "dev")  # extras that tests need


def read_bounds() -> dict[str, str]:
    """Return name and lowest version of what tests need; raise at a requirement of another form."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    bounds: dict[str, str] = {}
    for requirement in [*project["dependencies"], *(one for extra in TRIED for one in extras[extra])]:
        found = REQUIREMENT.fullmatch(requirement)
        if found is None or bounds.setdefault(found[1], found[2]) != found[2]:
            raise ValueError(f"`{requirement}` is not `name>=version`, or has two bounds")
    return bounds


def read_constraints() -> dict[str, str]:
    """Return name and version of every package of `constraints.txt`."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return dict(line.split("==") for line in lines)


def list_lines() -> list[str]:
    """Return the lines of a file of requirements."""
    version = read_constraints()[PINNED]
    bounds = read_bounds()
    note = f"  # of constraints.txt: its bound, {bounds[PINNED]}, is not tried"
    pins = {name: f"{name}=={low}" for name, low in bounds.items()} | {PINNED: f"{PINNED}=={version}{note}"}
    return [pins[name] for name in sorted(pins)]


if __name__ == "__main__":
    print("\n".join(list_lines()))
