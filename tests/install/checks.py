"""What must come of a case: the wheel's name and contents, and what the installed command says."""

import json
import sysconfig
import zipfile
from pathlib import Path

from .machine import ROOT, Case, CaseError, Place

PLATFORM = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
ANY = "py3-none-any"


def check_contents(case: Case, made: Path) -> None:
    """Compare a wheel's files and report with a case; it holds the sources and each file once."""
    with zipfile.ZipFile(made) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        report = json.loads(archive.read("synthcli/kernels/built/built.json"))
    reasons = [f"{kind}: {report[kind]['reason']}" for kind in case.statuses if report[kind]["reason"]]
    found = {kind: report[kind]["status"] for kind in case.statuses}
    expect(f"statuses in built.json ({'; '.join(reasons)})", found, case.statuses)
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
