"""Bring a model from elsewhere: translated, checked, and written as a checkpoint of ours."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import synthcli
from synthcli.data.corpora.forms import check_form
from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.base import DESCRIPTION
from synthcli.data.tokenizers.find_tokenizer import find_tokenizer
from synthcli.data.tokenizers.hugging_face import is_published
from synthcli.disk import refuse_unwritable
from synthcli.errors import SynthError, did_you_mean
from synthcli.importers.base import ImportResult, ImportSource, Origin
from synthcli.importers.origins import ORIGINS
from synthcli.importers.safe_load import PICKLED, SAFE
from synthcli.importers.translate import explain_refusal
from synthcli.jobs.tokenizers import notes_of
from synthcli.training.checkpoints import write_model
from synthcli.training.weights import SHOWN

REPORT = "imported.json"
ELSEWHERE = "choose another folder with `-o DIR`"


@dataclass(frozen=True)
class ImportRequest:
    """`options` are the original's own; `tokenizer` is a folder that holds one, where the origin has none.

    `form` is that in which texts are read, where nothing tells, or tells wrong.
    """

    origin: str
    path: Path
    output: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    heads: tuple[int, ...] = ()
    base: Path | None = None
    tokenizer: Path | None = None
    form: str | None = None


@dataclass(frozen=True)
class ImportReport:
    """What was made of what; `unused` are tensors that none of ours is made of, and `reasons` say why."""

    checkpoint: Path
    origin: str
    source: str
    task: str
    parameters: int
    tokenizer: str | None
    notes: tuple[str, ...]
    unused: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)


def import_model(request: ImportRequest) -> ImportReport:
    """Write a checkpoint of a model from elsewhere; whatever does not fit leaves nothing behind."""
    origin = origin_of(request.origin)
    refuse(request, origin)
    output = output_of(request)
    if output.exists() or output.is_symlink():
        raise SynthError(f"`{output}` exists already", ELSEWHERE)
    refuse_unwritable(output, ELSEWHERE)
    result = read_origin(request, origin)
    tokenizer = tokenizer_for(request, result)
    check_vocabulary(tokenizer, result)
    imported = result.imported
    report = ImportReport(
        checkpoint=output,
        origin=request.origin,
        source=str(request.path),
        task=imported.config.task,
        parameters=sum(t.numel() for t in {id(t): t for t in imported.weights.values()}.values()),
        tokenizer=None if tokenizer is None else tokenizer.kind,
        notes=result.notes + notes_of(tokenizer),
        unused=imported.unused,
        reasons=imported.reasons,
    )
    text = json.dumps(record(request, report, result), indent=2, ensure_ascii=False) + "\n"
    files = {REPORT: text}
    write_model(output, imported.config, imported.weights, tokenizer, files=files, elsewhere=ELSEWHERE)
    return report


def origin_of(name: str) -> Origin:
    if name not in ORIGINS:
        raise SynthError(f"unknown origin `{name}`", did_you_mean(name, ORIGINS))
    return ORIGINS[name]


def refuse(request: ImportRequest, origin: Origin) -> None:
    """Refuse what this origin has no use for, before anything is read."""
    if not request.path.exists():
        raise SynthError(f"there is nothing at `{request.path}`", "name a file of weights, or a folder")
    if request.form is not None:
        check_form(request.form)
    if request.heads and not origin.takes_heads:
        raise SynthError(f"`--from {request.origin}` reads heads off the file", "leave `--heads` out")
    if request.base is not None and not origin.takes_base:
        raise SynthError(f"`--from {request.origin}` takes no `--base`", "leave it out")
    if request.base is not None and not request.base.exists():
        raise SynthError(f"there is nothing at `{request.base}`", "name a model for `--base`")
    for key in request.options:
        if key not in origin.options:
            known = did_you_mean(key, origin.options) if origin.options else "it has none"
            raise SynthError(f"unknown option `{key}` of `--from {request.origin}`", known)


def output_of(request: ImportRequest) -> Path:
    """Return where the checkpoint goes: where it is wanted, or under `imported`, named as its source."""
    if request.output is not None:
        return request.output
    path = request.path.resolve()
    is_weights = path.is_file() and path.suffix in (*SAFE, *PICKLED)
    return Path("imported") / (path.stem if is_weights else path.name)


def read_origin(request: ImportRequest, origin: Origin) -> ImportResult:
    source = ImportSource(request.path, request.options, request.heads, request.base)
    with explain_refusal(f"`{request.path}` describes"):
        return origin.read(source)


def tokenizer_for(request: ImportRequest, result: ImportResult) -> Tokenizer | None:
    """Return the tokenizer wanted, else the one beside the weights, if any; it keeps the form of texts."""
    folder = request.tokenizer or result.folder
    if request.tokenizer is not None and not request.tokenizer.is_dir():
        raise SynthError(f"there is no folder `{request.tokenizer}`", "name a folder with a tokenizer")
    if folder is None or not folder.is_dir():
        return None
    has_files = (folder / DESCRIPTION).is_file() or is_published(folder)
    if request.tokenizer is None and not has_files:
        return None
    tokenizer = find_tokenizer(folder)
    tokenizer.form = request.form or result.form or tokenizer.form
    return tokenizer


def check_vocabulary(tokenizer: Tokenizer | None, result: ImportResult) -> None:
    """Refuse a tokenizer with ids that the model has no vector for."""
    size = result.imported.config.vocab_size
    if tokenizer is not None and tokenizer.vocab_size > size:
        raise SynthError(
            f"the tokenizer has {tokenizer.vocab_size} ids, and the model knows {size}",
            "name the folder of the one it was trained with: `--tokenizer FOLDER`",
        )


def record(request: ImportRequest, report: ImportReport, result: ImportResult) -> dict[str, object]:
    """Return what the checkpoint keeps of where it came from: every tensor is used, or named with why not."""
    return {
        "synth": synthcli.__version__,
        "origin": request.origin,
        "source": report.source,
        "sha256": sha256_of(request.path),
        "options": dict(request.options),
        "heads": list(request.heads),
        "notes": list(report.notes),
        "unused": list(report.unused),
        "reasons": dict(report.reasons),
        "tensors": result.imported.original_names,
    }


def sha256_of(path: Path) -> str | None:
    """Return the hash of a single file; a folder has none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def explain_unused(report: ImportReport) -> list[str]:
    """Return a line for each reason to leave tensors, with as many names as fit."""
    lines = []
    for why in dict.fromkeys(report.reasons.values()):
        names = [name for name in report.unused if report.reasons[name] == why]
        shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
        more = len(names) - SHOWN
        lines.append(f"left, {why}: {shown}" + (f" and {more} more" if more > 0 else ""))
    return lines
