"""Export a checkpoint: fold it, write it in a format, prove it without the project, move it into place."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from synthcli import durable
from synthcli.disk import refuse_unwritable, writing
from synthcli.errors import SynthError, did_you_mean
from synthcli.exporters import EXPORTERS, Exporter
from synthcli.exporters.export_bundle import ExportOptions, Leaving
from synthcli.exporters.folding import Folded, fold
from synthcli.exporters.parity_reference import Expectation, record
from synthcli.exporters.parity_report import REPORT, certify
from synthcli.exporters.safetensors_export import again, sha256_of, tensors_of
from synthcli.jobs.export_benchmarks import add_benchmarks
from synthcli.jobs.export_card import card_of, name_of, writing_of
from synthcli.training.checkpoints import Checkpoint, load_checkpoint, model_of
from synthcli.training.manifest import write_manifest

ELSEWHERE = "name another folder with `-o`"


@dataclass(frozen=True)
class Exported:
    """What was written where; `certificate` is what `PARITY.json` says."""

    path: Path
    format: str
    changes: tuple[str, ...]
    parameters: tuple[int, int]
    certificate: dict[str, Any]
    files: dict[str, int]


def export_checkpoint(
    path: Path,
    to: str,
    target: Path | None = None,
    folds: bool = True,
    replaces: bool = False,
    options: ExportOptions | None = None,
    benchmarks: tuple[str, ...] = (),
) -> Exported:
    """Write the model of a checkpoint into a new folder, or raise and leave none.

    `benchmarks` are the words of `--benchmark`, `FIGURE=OWNER/DATASET:TASK`.
    """
    exporter = exporter_named(to)
    checkpoint = load_checkpoint(path)
    target = Path(f"{name_of(checkpoint)}-{to}") if target is None else target
    durable.sweep(target.parent)  # a kill may have come in the midst of replacing it
    refuse_taken(target, replaces)
    refuse_unwritable(target, ELSEWHERE)
    model = model_of(checkpoint).float()
    folded = fold(checkpoint.config, model) if folds else Folded(checkpoint.config, model)
    leaving = add_benchmarks(leaving_of(checkpoint, folded, model), benchmarks, to)
    expectation = record(leaving, model)
    needs = sum(tensor.nbytes for tensor in tensors_of(leaving.model).values())
    with (
        writing(f"export `{target}`", target, ELSEWHERE, needs=needs),
        durable.new_folder(target, replaces=True) as folder,
    ):
        exporter.write(leaving, folder, options or ExportOptions())
        certificate = prove(folder, to, exporter, leaving, expectation)
        if exporter.is_checkpoint:
            write_manifest(folder, checkpoint.step, None)
    files = {
        str(file.relative_to(target)): file.stat().st_size
        for file in sorted(target.rglob("*"))
        if file.is_file()
    }
    counts = (leaving.card.trained_parameters, leaving.card.parameters)
    return Exported(target, to, folded.changes, counts, certificate, files)


def exporter_named(to: str) -> Exporter:
    """Return a format whose packages are here."""
    if to not in EXPORTERS:
        raise SynthError(f"unknown format `{to}`", did_you_mean(to, EXPORTERS))
    exporter = EXPORTERS[to]
    missing = [name for name in exporter.needs if find_spec(name) is None]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise SynthError(f"`--to {to}` needs {names}", f"pip install 'synthcli[{exporter.extra}]'")
    return exporter


def refuse_taken(target: Path, replaces: bool) -> None:
    """Raise where something is in the way that may not, or must not, be replaced."""
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir() or target.is_symlink():
        raise SynthError(f"`{target}` exists and is no folder", "name another with `-o`")
    if not any(target.iterdir()):
        return
    if not replaces:
        or_replace = ", or replace it with `--force`" if (target / REPORT).is_file() else ""
        raise SynthError(f"`{target}` exists", f"name another folder with `-o`{or_replace}")
    if not (target / REPORT).is_file():
        message = f"`{target}` is no export: it has no `{REPORT}`, and `--force` replaces nothing else"
        raise SynthError(message, "name another folder with `-o`, or remove it yourself")


def leaving_of(checkpoint: Checkpoint, folded: Folded, model: nn.Module) -> Leaving:
    """Return what leaves; a checkpoint without a tokenizer leaves without one."""
    return Leaving(
        name=name_of(checkpoint),
        config=folded.config,
        model=folded.model.eval(),
        tokenizer=checkpoint.tokenizer if checkpoint.has_tokenizer else None,
        card=card_of(checkpoint, folded, model),
        writing=writing_of(checkpoint),
    )


def prove(
    folder: Path, to: str, exporter: Exporter, leaving: Leaving, expectation: Expectation
) -> dict[str, Any]:
    """Return the certificate of a folder, which holds it too."""
    if exporter.is_checkpoint:
        expectation = Expectation(expectation.tensors | again(folder, leaving), expectation.facts)
    return certify(
        folder,
        exporter.check,
        expectation,
        exporter=to,
        tolerance=exporter.tolerance,
        sha256=sha256_of(leaving.model),
        folded=list(leaving.card.folded),
    )
