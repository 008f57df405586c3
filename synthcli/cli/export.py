"""`synth export`: take a model away."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcli.cli import screen
from synthcli.cli.checkpoints import choose_checkpoint
from synthcli.cli.completion import FORMATS, complete_runs, make_completer

if TYPE_CHECKING:
    from synthcli.jobs.export.export import Exported

Checkpoint = Annotated[
    str | None,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A run, id, preset or folder.",
        show_default="the newest checkpoint",
        autocompletion=make_completer(complete_runs),
    ),
]
To = Annotated[
    str,
    typer.Option(
        metavar="FORMAT", help="hf, onnx, torch or safetensors.", autocompletion=make_completer(FORMATS)
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="A new folder.", show_default="named by the run"),
]
NoFold = Annotated[bool, typer.Option("--no-fold", help="Keep gains and merged parts as they were trained.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an earlier export, whole.")]
Opset = Annotated[int | None, typer.Option(min=18, help="ONNX: the version of its operators.")]
Benchmark = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIGURE=DATASET:TASK",
        help="hf: write a result for the leaderboard of a benchmark of the hub; may be given several times.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def export(
    to: To,
    checkpoint: Checkpoint = None,
    output: Output = None,
    no_fold: NoFold = False,
    force: Force = False,
    opset: Opset = None,
    benchmark: Benchmark = None,
    as_json: AsJson = False,
) -> None:
    """Write a model as the rest of the world loads it, and prove that it is the same.

    A process without this project opens the folder, compares it with the checkpoint and writes `PARITY.json`;
    where they differ nothing is written.

    Examples:

    ```
    synth export --to hf
    synth export wmt14-dense --to onnx -o translator
    ```
    """
    from synthcli.exporters.export_bundle import ExportOptions
    from synthcli.jobs.export.export import export_checkpoint

    path = choose_checkpoint(checkpoint)
    options, benchmarks = ExportOptions(opset=opset), tuple(benchmark or ())
    exported = export_checkpoint(path, to, output, not no_fold, force, options, benchmarks)
    if as_json:
        return screen.data(json.dumps(export_to_json(exported), indent=2))
    return show_export(exported)


def export_to_json(exported: "Exported") -> dict[str, object]:
    """Return what `--json` prints."""
    return {
        "path": str(exported.path),
        "format": exported.format,
        "folded": list(exported.changes),
        "parameters": exported.parameters[1],
        "trained_parameters": exported.parameters[0],
        "files": exported.files,
        "certificate": exported.certificate,
    }


def show_export(exported: "Exported") -> None:
    """Print the files and what the certificate says."""
    rows = [[name, f"{size:,}"] for name, size in exported.files.items()]
    screen.table(str(exported.path), ["file", "bytes"], rows, right=frozenset({1}))
    for change in exported.changes:
        screen.say(f"folded: {change}")
    before, after = exported.parameters
    if before != after:
        screen.say(f"parameters: {after:,} of {before:,} as trained")
    found = exported.certificate
    agrees = f"{found['greedy']['agreement']:.2%} of {found['greedy']['tokens']} chosen tokens the same"
    limit = f"(allowed {found['allowed_difference']:.2g})"
    screen.say(f"logits differ by at most {found['max_difference']:.2g} {limit}, {agrees}")
    for name, timed in (found.get("latency") or {}).items():
        if isinstance(timed, dict):
            screen.say(f"{name}: {timed['seconds'] * 1e3:.2f} ms, {timed['ratio']:.2f} × ours")
    screen.say(f"wrote `{exported.path}`, certificate `{exported.path / 'PARITY.json'}`")
