"""Install the package as users do, on machines with and without compilers: `make install-check`.

    python tests/install/matrix.py [CASE ...]

Each case makes a wheel in isolation with a PATH of its own, installs it into a fresh environment that borrows
the libraries of this one, and holds the wheel's name, its contents, its `built.json` and what
`synth kernels status` says against what the case must give. Prints a table; exits with 1 if a case fails.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLATFORM = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
ANY = "py3-none-any"
CXX_PARTS = ("g++", "gcc", "as", "ld")  # what a C++ compiler is made of
VARIABLES = ("CXX", "NVCC", "NVCC_CCBIN", "SYNTH_BUILD_KERNELS", "SYNTH_CUDA_ARCHITECTURES", "SYNTH_KERNELS")
BROKEN = "#!/bin/sh\necho 'nvcc fatal: no such luck' >&2\nexit 1\n"


class CaseError(Exception):
    """A case did not give what it must."""


@dataclass(frozen=True)
class Case:
    """A way to install: which compilers there are, and what must come of it."""

    name: str
    cpu: str
    cuda: str
    tools: tuple[str, ...] = ()
    has_broken_nvcc: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    kind: str = "wheel"

    @property
    def statuses(self) -> dict[str, str]:
        return {"cpu": self.cpu, "cuda": self.cuda}


CASES = (
    Case("g++ and nvcc", "built", "built", (*CXX_PARTS, "nvcc")),
    Case("no nvcc", "built", "absent", CXX_PARTS),
    Case("broken nvcc", "built", "failed", CXX_PARTS, has_broken_nvcc=True),
    Case("no compiler", "absent", "absent"),
    Case("nvcc alone", "absent", "failed", ("nvcc",)),
    Case("editable", "built", "absent", CXX_PARTS, kind="editable"),
    Case("editable, no compiler", "absent", "absent", kind="editable"),
    Case("sdist to wheel", "built", "absent", CXX_PARTS, kind="sdist"),
    Case("off", "off", "off", CXX_PARTS, environment={"SYNTH_BUILD_KERNELS": "off"}),
    Case("required, no compiler", "", "", environment={"SYNTH_BUILD_KERNELS": "require"}, kind="refused"),
)


@dataclass(frozen=True)
class Place:
    """Where a case works: a copy of the checkout, the case's tools, its wheels and its environment."""

    case: Case
    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "a copy"

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    def environment(self) -> dict[str, str]:
        """Return the variables of a machine that has the case's tools and nothing else."""
        kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        own = {"PATH": str(self.folder / "tools"), "CUDA_HOME": str(self.folder / "no cuda")}
        cache = {"XDG_CACHE_HOME": str(self.folder / "cache"), "SYNTH_KERNELS_DIR": str(self.folder / "own")}
        return kept | own | cache | self.case.environment

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def must_run(self, *command: str | Path) -> str:
        done = self.run(*command)
        if done.returncode:
            raise CaseError(
                f"`{' '.join(map(str, command[:6]))} …` failed:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description="Install in every way and print a table.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(case.name for case in CASES))
    names = parser.parse_args().cases
    if unknown := set(names) - {case.name for case in CASES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    print(f"{'case':24}{'wheel':28}{'cpu':10}{'cuda':10}{'seconds':>8}  result", flush=True)
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
    print(f"{case.name:24}{tag:28}{case.cpu:10}{case.cuda:10}{seconds:8.0f}  {result}", flush=True)
    return not result.startswith("WRONG")


def tried(place: Place) -> str:
    """Install as a case says, check all there is to check, return the wheel's tag."""
    prepare(place)
    return KINDS[place.case.kind](place)


def prepare(place: Place) -> None:
    """Copy the checkout without what git ignores, link the tools, make an environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (place.source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place.source / name)
    tools = place.folder / "tools"
    tools.mkdir()
    for tool in place.case.tools:
        (tools / tool).symlink_to(Path(str(shutil.which(tool))).resolve())
    if place.case.has_broken_nvcc:
        (tools / "nvcc").write_text(BROKEN)
        (tools / "nvcc").chmod(0o755)
    venv.create(place.folder / "venv", with_pip=False)
    borrowed = sysconfig.get_path("purelib")
    own = place.must_run(place.python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(own) / "borrowed.pth").write_text(borrowed + "\n")


def pip(place: Place, *words: str | Path) -> str:
    return place.must_run(sys.executable, "-m", "pip", *words)


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
    "refused": refused,
}


def check_contents(case: Case, made: Path) -> None:
    """Compare a wheel's files and report with a case; it holds the sources and each file once."""
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        report = json.loads(archive.read("synthcli/kernels/built/built.json"))
    expect("statuses in built.json", {kind: report[kind]["status"] for kind in case.statuses}, case.statuses)
    inside = [Path(name).name for name in names if name.startswith("synthcli/kernels/built/")]
    expect("libraries in the wheel", libraries_in(inside), case)
    sources = {Path(name).name for name in names if name.startswith("synthcli/kernels/source/")}
    expect("sources in the wheel", sources, {file.name for file in (ROOT / "kernels").iterdir()})
    expect("files twice in the wheel", len(names) - len(set(names)), 0)


def libraries_in(names: object) -> set[str]:
    return {name.removeprefix("libsynth_sru_").removesuffix(".so") for name in names if name.endswith(".so")}


def check_tag(case: Case, tag: str) -> str:
    expect("tag", tag, PLATFORM if "built" in case.statuses.values() else ANY)
    return tag


def check_status(place: Place) -> None:
    """Ask the installed command what there is, from a folder that is no checkout; and test what is built."""
    synth = place.python.with_name("synth")
    said = json.loads(place.must_run(synth, "kernels", "status", "--json"))["libraries"]
    case = place.case
    expect("status", {kind: said[kind]["status"] for kind in case.statuses}, case.statuses)
    loads = {kind: status == "built" for kind, status in case.statuses.items()}
    expect("loads", {kind: said[kind]["loads"] for kind in case.statuses}, loads)
    expect("cpu in use", said["cpu"]["in_use"], loads["cpu"])
    for kind, status in case.statuses.items():
        expect(f"{kind} has a reason", bool(said[kind]["why_not"]), not said[kind]["in_use"])
        if status == "built":
            expect(
                f"folder of {kind} is in the case's", said[kind]["folder"].startswith(str(place.folder)), True
            )
    doctor = json.loads(place.must_run(synth, "doctor", "--json"))["kernels"]
    expect("doctor", doctor, said)
    code = 0 if loads["cpu"] else 2
    expect("`synth kernels test`", place.run(synth, "kernels", "test").returncode, code)


def expect(what: str, found: object, wanted: object) -> None:
    if isinstance(wanted, Case):
        wanted = {kind for kind, status in wanted.statuses.items() if status == "built"}
    if found != wanted:
        raise CaseError(f"{what}: {found}, and not {wanted}")


if __name__ == "__main__":
    main()
