"""`synth kernels`: build the native kernels, see what there is, test them."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.completion import BUILDS, make_completer
from synthcli.errors import SynthError, WorkFailedError, did_you_mean

if TYPE_CHECKING:
    from synthcli.jobs.kernels import KernelFinding
    from synthcli.kernels.status import FoundLibrary

app = typer.Typer(help="Build, show and test the native kernels of SRU and SRU++.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Mode = Annotated[
    str,
    typer.Option(
        metavar="MODE",
        help="`cpu`, `auto` (CUDA too) or `require` (a failure is an error).",
        autocompletion=make_completer(BUILDS),
    ),
]
Architectures = Annotated[
    str | None,
    typer.Option(metavar="LIST", help='GPUs to compile for, e.g. "80;90".', show_default="the ones here"),
]
MODES = ("cpu", "auto", "require")


@app.command()
def build(mode: Mode = "auto", architectures: Architectures = None, as_json: AsJson = False) -> None:
    """Compile the kernels with this machine's g++ and nvcc.

    They go beside the package in a checkout, else into a folder of yours: SYNTH_KERNELS_DIR, or your cache.

    Examples:

    ```
    synth kernels build
    synth kernels build --architectures "80;90" --mode require
    ```
    """
    from synthcli.kernels import builder, places
    from synthcli.kernels.recipes import parse_architectures
    from synthcli.kernels.report import as_text

    if mode not in MODES:
        raise SynthError(f"unknown mode `{mode}`", did_you_mean(mode, MODES))
    parse_architectures(architectures or "")
    folder = places.build_folder()
    screen.say(f"building into `{folder}`; a GPU's library takes up to a minute")
    report = builder.build_kernels(folder, mode, architectures=architectures)
    if as_json:
        screen.data(as_text(report).rstrip())
    else:
        rows = [
            [kind, part.status, " ".join(part.targets), part.reason] for kind, part in report.parts.items()
        ]
        screen.table(None, ["library", "state", "compiled for", "why not"], rows, least=(2,))
    if not any(part.is_built for part in report.parts.values()):
        raise WorkFailedError(f"no kernel was built: {report.cpu.reason}", "SRU and SRU++ run in plain torch")
    screen.say(f"wrote: {folder}\nnext: `synth kernels test`")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show which kernels are built, where, by which compiler, and whether they are in use."""
    from synthcli.jobs.machine import kernel_warning, status_of_kernels
    from synthcli.kernels import places

    found = status_of_kernels()
    warning = kernel_warning(found)
    distrusted = [place.distrust for place in places.places() if place.distrust]
    if as_json:
        folders = {"sources": str(places.sources()), "build_folder": str(places.build_folder())}
        distrust = {"distrust": distrusted, "warning": warning}
        return screen.data(json.dumps(folders | distrust | {"libraries": kernels_to_json(found)}, indent=2))
    rows = [[kind, describe_build(one), in_use(one, reason)] for kind, (one, reason) in found.items()]
    screen.table(None, ["library", "built", "in use"], rows)
    folders_of_libraries = {str(one.folder): None for one, _ in found.values() if one.loads}
    for folder in folders_of_libraries:
        screen.say(f"in: {folder}")
    for reason in distrusted:
        screen.say(f"not loaded: {reason}")
    if warning:
        return screen.warn(warning)
    is_complete = all(one.loads for one, _ in found.values())
    hint = "test" if is_complete else "build`, once a compiler is here; then `synth kernels test"
    return screen.say(f"next: `synth kernels {hint}`")


@app.command()
def test(as_json: AsJson = False) -> None:
    """Compare the native kernels with plain torch, forward and gradients, in float64 and narrower numbers."""
    from synthcli.jobs.kernels import devices, findings

    found = [one for device in devices() for one in findings(device)]
    if as_json:
        screen.data(json.dumps([asdict(one) for one in found], indent=2))
    else:
        columns = [
            "device",
            "numbers",
            "recurrence",
            "error",
            "torch's",
            "of gradients",
            "torch's",
            "verdict",
        ]
        right, least = frozenset({3, 4, 5, 6}), (6, 4, 5, 3)
        screen.table(None, columns, [_format_finding(one) for one in found], right, least)
    wrong = sum(not one.is_right for one in found)
    if wrong:
        message = f"native kernels are wrong in {wrong} of {len(found)} recurrences"
        raise WorkFailedError(
            message, "`SYNTH_KERNELS=reference` runs plain torch; `synth kernels build` builds anew"
        )
    screen.say(f"right: {len(found)} recurrences; errors are against float64")


Status = dict[str, "tuple[FoundLibrary, str]"]


def kernels_to_json(found: Status) -> dict[str, object]:
    """Return the state of every library for `--json`."""
    return {
        kind: one.as_data() | {"in_use": not reason, "why_not": reason}
        for kind, (one, reason) in found.items()
    }


def describe_build(found: "FoundLibrary") -> str:
    """Say by what a library was compiled and for what, or why it was not."""
    part = found.part
    if part is None:
        return "no"
    if not part.is_built:
        return f"no ({part.status}): {part.reason}" if part.reason else f"no ({part.status})"
    return f"yes, by {part.version} for {' '.join(part.targets)}"


def in_use(found: "FoundLibrary", reason: str) -> str:
    """Say as what a library runs, or why it does not."""
    if not reason:
        return f"yes, as {found.target}"
    is_told = found.part is not None and found.part.reason == reason  # by `describe_build`
    return "no" if is_told else f"no: {reason}"


def _format_finding(one: "KernelFinding") -> list[str]:
    figures = (one.forward, one.forward_torch, one.gradients, one.gradients_torch)
    return [
        one.device,
        one.dtype,
        one.case,
        *(f"{x:.1e}" for x in figures),
        "right ✓" if one.is_right else "wrong ✗",
    ]
