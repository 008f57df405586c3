"""Download what a machine with torch, and without a network, needs for `synth`: wheels, into a folder.

    make gpu-wheels GPU_PYTHON=3.12 GPU_PLATFORM=manylinux_2_28_x86_64 GPU_HAS=freeze.txt

There: `pip install --no-index --find-links wheels synthcli`, or `make gpu-check`, which takes what it needs
of them. Nothing of torch is downloaded: a stand-in satisfies what depends on it. `--has` is a file with a
package a line, such as `pip freeze` writes there: those are left out. A wheel of this project in `dist/` is
added.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from benchmarks.gpu.needs import ROOT, TORCH, name_of, requirements

ONLY_SOURCES = ("rouge-score",)  # plain Python, published without a wheel
OLDEST = 17  # of glibc 2.x, as wheels name it that are still made: also `manylinux2014`
CONSTRAINTS = ROOT / "constraints.txt"


def pinned_torch() -> str:
    """Return the version of torch that the rest is resolved beside: that of the constraints."""
    pins = dict(line.split("==") for line in CONSTRAINTS.read_text().split() if "==" in line)
    return pins[TORCH]


def list_platforms(platform: str) -> list[str]:
    """Return a platform and the older ones whose wheels it runs."""
    if not (found := re.fullmatch(r"manylinux_2_(\d+)_(\w+)", platform)):
        return [platform]
    newest, machine = int(found[1]), found[2]
    older = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, OLDEST - 1, -1)]
    return [*older, f"manylinux2014_{machine}"]


def write_stand_in(folder: Path) -> Path:
    """Write a wheel that says it is torch, of a version that pip prefers to the real one."""
    version = f"{pinned_torch()}+stand.in"
    path, info = folder / f"{TORCH}-{version}-py3-none-any.whl", f"{TORCH}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {TORCH}\nVersion: {version}\n")
        tags = "Wheel-Version: 1.0\nGenerator: synth\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", tags)
        wheel.writestr(f"{info}/RECORD", "")
    return path


def download(target: Path, python: str, platform: str) -> None:
    """Download the wheels of a Python and a platform; raises CalledProcessError, after pip has said why."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as name:
        beside = Path(name)
        stand_in = write_stand_in(beside)
        sources = ["wheel", "--quiet", "--no-deps", "--wheel-dir", name, "--constraint", str(CONSTRAINTS)]
        subprocess.run([*pip, *sources, *ONLY_SOURCES], check=True)
        places = [word for one in list_platforms(platform) for word in ("--platform", one)]
        fetch = ["download", "--quiet", "--dest", str(target), "--only-binary=:all:", "--find-links", name]
        fetch += ["--constraint", str(CONSTRAINTS), "--python-version", python, *places]
        subprocess.run([*pip, *fetch, *requirements()], check=True)
        (target / stand_in.name).unlink()


def leave_out(target: Path, has: Path) -> None:
    """Remove the wheels of packages that a file names, a line each."""
    there = {normal(name_of(line)) for line in has.read_text().splitlines() if line.strip()}
    for wheel in target.glob("*.whl"):
        if normal(wheel.name.partition("-")[0]) in there:
            wheel.unlink()


def normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def add_own(target: Path, dist: Path) -> Path | None:
    """Copy the newest wheel of this project, if there is one, and return it."""
    own = sorted(dist.glob("synthcli-*.whl"), key=lambda path: path.stat().st_mtime)
    if not own:
        return None
    return Path(shutil.copy(own[-1], target))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", type=Path)
    parser.add_argument("--python", required=True)
    parser.add_argument("--platform", required=True)
    parser.add_argument("--has", type=Path)
    options = parser.parse_args()
    shutil.rmtree(options.target, ignore_errors=True)
    options.target.mkdir(parents=True)
    download(options.target, options.python, options.platform)
    if options.has is not None:
        leave_out(options.target, options.has)
    own = add_own(options.target, ROOT / "dist")
    wheels = list(options.target.glob("*.whl"))
    size = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    print(f"{len(wheels)} wheels, {size:.0f} MB, in {options.target}/")
    print(f"with {own.name}" if own else "without a wheel of synth itself: `make wheels` makes one")


if __name__ == "__main__":
    main()
