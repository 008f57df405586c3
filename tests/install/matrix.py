"""Install the package as users do, on machines with and without compilers: `make install-check`.

    python -m tests.install.matrix [CASE ...]

Each case makes a wheel in isolation with a PATH of its own, installs it into a fresh environment that borrows
the libraries of this one, and holds the wheel's name, its contents, its `built.json` and what
`synth kernels status` says against what the case must give. Prints a table; exits with 1 if a case fails.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .checks import check_contents, check_status, check_tag, expect, libraries_in
from .machine import ROOT, Case, CaseError, Place, pip, prepare

CXX_PARTS = ("g++", "gcc", "as", "ld")  # what a C++ compiler is made of
MANYLINUX = r"py3-none-manylinux_2_\d+_\w+"
CASES = (
    Case("g++ and nvcc", "built", "built", (*CXX_PARTS, "nvcc")),
    Case("no nvcc", "built", "absent", CXX_PARTS),
    Case("broken nvcc", "built", "failed", CXX_PARTS, has_broken_nvcc=True),
    Case("no compiler", "absent", "absent"),
    Case("nvcc alone", "absent", "failed", ("nvcc",)),
    Case("editable", "built", "absent", CXX_PARTS, kind="editable"),
    Case("editable, no compiler", "absent", "absent", kind="editable"),
    Case("sdist to wheel", "built", "absent", CXX_PARTS, kind="sdist"),
    Case("make wheels", "built", "built", (*CXX_PARTS, "nvcc"), environment={"GPUS": "90"}, kind="wheels"),
    Case("off", "off", "off", CXX_PARTS, environment={"SYNTH_BUILD_KERNELS": "off"}),
    Case("required, no compiler", "", "", environment={"SYNTH_BUILD_KERNELS": "require"}, kind="refused"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Install in every way and print a table.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(case.name for case in CASES))
    names = parser.parse_args().cases
    if unknown := set(names) - {case.name for case in CASES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    print(f"{'case':24}{'wheel':40}{'cpu':10}{'cuda':10}{'seconds':>8}  result", flush=True)
    results = [told(case) for case in CASES if not names or case.name in names]
    sys.exit(not all(results))


def told(case: Case) -> bool:
    """Try a case and print its line."""
    start = time.monotonic()
    missing = [tool for tool in case.tools if not shutil.which(tool)]
    result, tag = "right", "-"
    if missing:
        result = f"not tried: no {', '.join(missing)} here"
    else:
        with tempfile.TemporaryDirectory(prefix="install of ") as folder:
            try:
                tag = tried(Place(case, Path(folder)))
            except CaseError as error:
                result = f"WRONG: {error}"
    seconds = time.monotonic() - start
    print(f"{case.name:24}{tag:40}{case.cpu:10}{case.cuda:10}{seconds:8.0f}  {result}", flush=True)
    return not result.startswith("WRONG")


def tried(place: Place) -> str:
    """Install as a case says, check all there is to check, return the wheel's tag."""
    prepare(place)
    return KINDS[place.case.kind](place)


def wheel(place: Place, source: Path) -> str:
    """Make a wheel, check it, install it, check what it says."""
    wheels = place.folder / "wheels"
    pip(place, "wheel", "--no-deps", "--wheel-dir", wheels, source)
    (made,) = wheels.glob("*.whl")
    tag = made.stem.split("-", 2)[2]
    check_contents(place.case, made)
    pip(place, "--python", place.python, "install", "--no-deps", made)
    check_status(place)
    return check_tag(place.case, tag)


def from_checkout(place: Place) -> str:
    return wheel(place, place.source)


def from_sdist(place: Place) -> str:
    """Make an archive of the sources with the build's own backend, and a wheel of that."""
    backend = place.folder / "backend"
    pip(place, "install", "--quiet", "--target", backend, "hatchling>=1.26")
    code = "import os, sys; sys.path.insert(0, sys.argv[1]); os.chdir(sys.argv[2])"
    code += "; import hatchling.build as build; build.build_sdist(sys.argv[3])"
    place.must_run(sys.executable, "-c", code, backend, place.source, place.folder)
    (archive,) = place.folder.glob("*.tar.gz")
    shutil.rmtree(place.source)
    return wheel(place, archive)


def from_make_wheels(place: Place) -> str:
    """Make the wheels to give away; install one where there is no compiler, and train with its kernel."""
    tools = place.folder / "tools"
    everything = {"PATH": os.environ["PATH"], "PYTHON": sys.executable}
    done = place.run(
        "make", "-C", place.source, "wheels", "WHEELS=" + str(ROOT / ".venv-wheels"), **everything
    )
    if done.returncode:
        raise CaseError(f"`make wheels` failed:\n{(done.stdout + done.stderr)[-3000:]}")
    shutil.rmtree(tools)
    shutil.rmtree(place.source / "kernels")
    made = next((place.source / "dist").glob("*.whl"))
    expect("archives of sources beside it", len(list(made.parent.glob("*.tar.gz"))), 1)
    tag = made.stem.split("-", 2)[2]
    expect("a tag that says which systems it is for", bool(re.fullmatch(MANYLINUX, tag)), True)
    check_contents(place.case, made)
    pip(place, "--python", place.python, "install", "--no-deps", made)
    check_status(place)
    synth = place.python.with_name("synth")
    train = (synth, "train", "srupp-enwik8-base", "--scale", "smoke", "--set", "training.steps=2")
    place.must_run(*train, SYNTH_KERNELS="native")
    return tag


def editable(place: Place) -> str:
    """Install a checkout in place: what is built lies in it."""
    pip(place, "--python", place.python, "install", "--no-deps", "--editable", place.source)
    built = place.source / "synthcli/kernels/built"
    expect("libraries in the checkout", libraries_in(file.name for file in built.iterdir()), place.case)
    check_status(place)
    return "(in place)"


def refused(place: Place) -> str:
    """Expect the install to fail and say why."""
    words = ("wheel", "--no-deps", "--wheel-dir", place.folder / "wheels", place.source)
    done = place.run(sys.executable, "-m", "pip", *words)
    if not done.returncode or "native kernels could not be built: cpu: no C++ compiler" not in done.stderr:
        raise CaseError(f"it was not refused as it should:\n{done.stderr[-2000:]}")
    return "(refused)"


KINDS: dict[str, Callable[[Place], str]] = {
    "wheel": from_checkout,
    "editable": editable,
    "sdist": from_sdist,
    "wheels": from_make_wheels,
    "refused": refused,
}


if __name__ == "__main__":
    main()
