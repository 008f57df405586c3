"""Export a checkpoint: fold it, write it in a format, prove it without the project, move it into place."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from torch import nn

from synthcli import atomic_files
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError, did_you_mean
from synthcli.exporters import EXPORTERS, Exporter
from synthcli.exporters.export_bundle import ExportBundle, ExportOptions
from synthcli.exporters.folding import Folded, fold
from synthcli.exporters.parity_reference import ParityReference, record_reference
from synthcli.exporters.parity_report import REPORT, Certificate, check_parity
from synthcli.exporters.safetensors_export import collect_tensors, hash_tensors, recompute_logits
from synthcli.jobs.export.benchmarks import add_benchmarks
from synthcli.jobs.export.card import card_of, generation_settings_of, name_of
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
    certificate: Certificate
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
    atomic_files.sweep(target.parent)  # a kill may have come in the midst of replacing it
    refuse_taken(target, replaces)
    refuse_unwritable(target, ELSEWHERE)
    model = model_of(checkpoint).float()
    folded = fold(checkpoint.config, model) if folds else Folded(checkpoint.config, model)
    bundle = add_benchmarks(make_bundle(checkpoint, folded, model), benchmarks, to)
    reference = record_reference(bundle, model)
    needs = sum(tensor.nbytes for tensor in collect_tensors(bundle.model).values())
    with (
        guard_write(f"export `{target}`", target, ELSEWHERE, needs=needs),
        atomic_files.new_folder(target, replaces=True) as folder,
    ):
        exporter.write(bundle, folder, options or ExportOptions())
        certificate = prove(folder, to, exporter, bundle, reference)
        if exporter.is_checkpoint:
            write_manifest(folder, checkpoint.step, None)
    files = {
        str(file.relative_to(target)): file.stat().st_size
        for file in sorted(target.rglob("*"))
        if file.is_file()
    }
    counts = (bundle.card.trained_parameters, bundle.card.parameters)
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


def make_bundle(checkpoint: Checkpoint, folded: Folded, model: nn.Module) -> ExportBundle:
    """Return what leaves; a checkpoint without a tokenizer leaves without one."""
    return ExportBundle(
        name=name_of(checkpoint),
        config=folded.config,
        model=folded.model.eval(),
        tokenizer=checkpoint.tokenizer if checkpoint.has_tokenizer else None,
        card=card_of(checkpoint, folded, model),
        generation=generation_settings_of(checkpoint),
    )


def prove(
    folder: Path, to: str, exporter: Exporter, bundle: ExportBundle, reference: ParityReference
) -> Certificate:
    """Return the certificate of a folder, which holds it too."""
    if exporter.is_checkpoint:
        reference = ParityReference(reference.tensors | recompute_logits(folder, bundle), reference.facts)
    return check_parity(
        folder,
        exporter.check,
        reference,
        exporter=to,
        tolerance=exporter.tolerance,
        sha256=hash_tensors(bundle.model),
        folded=list(bundle.card.folded),
    )
