"""Probe a model: what every replacement costs in every layer, as a report and a heat map."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthcli import durable
from synthcli.compress.cache import RECORDINGS, ActivationCache, cache_at, planned_bytes, refuse_size
from synthcli.compress.closed_forms import Lesson
from synthcli.compress.probe import NOTHING, chosen, probe_layer, sites_for
from synthcli.compress.probe_figures import Finding, Layer, is_resolved
from synthcli.compress.recording import INDEX
from synthcli.compress.sites import Site, check_layer, layers_of, main_stack
from synthcli.compress.teacher import Teacher
from synthcli.data.prepare import Progress as Preparing
from synthcli.disk import refuse_unwritable, writing
from synthcli.errors import SynthError, carrying
from synthcli.jobs.shortage import suggest_less_text
from synthcli.jobs.teachers import find_teacher
from synthcli.jobs.texts import TextRequest, Texts, texts_for
from synthcli.runs import Reference, run_of
from synthcli.runs.environment import describe_device
from synthcli.runs.run import write_json

LIMIT = 500  # sequences to compute on where nobody says
REPORT, PICTURE = "probe.json", "probe.png"
ELSEWHERE = "name another folder with `-o`"
PROTOCOL = (
    "NMSE Σ‖y − ŷ‖² / Σ‖y − ȳ‖² of what is replaced, KL(teacher‖student) of the whole model in nats"
    " a position, of an encoder without a head the cosine of last hidden states, by formulas alone, on"
    " held-out text; rise of the loss −log p of the text's own tokens, in nats a token; intervals are 95 %"
    " bootstrap intervals over sequences"
)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What to probe; None is all layers, all replacements. Recordings stay in `cache`, if one is named."""

    teacher: str | None = None
    layers: tuple[int, ...] | None = None
    replacements: tuple[str, ...] | None = None
    text: TextRequest = field(default_factory=lambda: TextRequest(limit=LIMIT))
    cache: Path | None = None
    cache_limit: int | None = None
    output: Path | None = None


@dataclass(frozen=True)
class Work:
    """A request with everything found, before anything is computed; `bytes` is the size of the recordings."""

    teacher: Teacher
    stack: str
    layers: tuple[int, ...]
    names: tuple[str, ...]
    texts: Texts
    sites: tuple[Site, ...]
    bytes: int
    cache: Path | None
    cache_limit: int | None
    folder: Path


def quiet(what: str, done: int, total: int) -> None:
    """Report no progress."""


def found(request: Request, preparing: Preparing | None = None) -> Work:
    """Return everything a request needs; whatever is wrong with it is refused here."""
    names = chosen(request.replacements)
    teacher = find_teacher(request.teacher)
    stack = main_stack(teacher.config)
    layers = tuple(range(layers_of(teacher.config, stack))) if request.layers is None else request.layers
    for layer in layers:
        check_layer(teacher.config, layer, stack)
    folder = request.output or folder_of(teacher)
    if folder.exists() and not folder.is_dir():
        raise SynthError(f"`-o {folder}` is a file", "name a folder")
    refuse_unwritable(folder / REPORT, ELSEWHERE)
    if request.cache is not None:
        refuse_unwritable(request.cache / INDEX, "name another folder with `--cache`")
    texts = texts_for(teacher, request.text, preparing)
    sites = sites_for(teacher, stack, layers, names)
    size = sum(planned_bytes(teacher, text, sites) for text in (texts.train, texts.held_out))
    refuse_size(request.cache or folder, size, request.cache_limit)
    where = (request.cache, request.cache_limit, folder)
    return Work(teacher, stack, tuple(sorted(set(layers))), tuple(names), texts, tuple(sites), size, *where)


def folder_of(teacher: Teacher) -> Path:
    """Return where a report goes: beside the results of the teacher's run, else a folder here."""
    run = run_of(teacher.path)
    return Path(f"probe.{teacher.path.resolve().name}") if run is None else run.results


def carried_out(work: Work, progress: Progress = quiet) -> dict[str, Any]:
    """Probe what was found; write report and picture, and return the report."""
    from synthcli.jobs.probe_picture import picture

    began = time.perf_counter()
    with writing(f"`{work.folder}`", work.folder, ELSEWHERE), durable.parents_of(work.folder / REPORT):
        with suggest_less_text(work.texts.train.lengths):
            findings = recorded_and_probed(work, progress)
        report = report_of(work, findings, time.perf_counter() - began)
        with carrying(report), writing(f"`{work.folder / REPORT}`", work.folder, ELSEWHERE):
            write_json(work.folder / REPORT, report)
    with carrying(report), writing(f"`{work.folder / PICTURE}`", work.folder, ELSEWHERE):
        picture(report, work.folder / PICTURE)
    return report


def recorded_and_probed(work: Work, progress: Progress) -> list[Finding]:
    """Record both texts, for as long as this lasts or in the cache named, and probe layer by layer."""
    with durable.passing_folder(work.folder, RECORDINGS) as passing:
        root = work.cache or passing
        root.mkdir(parents=True, exist_ok=True)
        train, held_out = (record(work, root, kind, progress) for kind in ("train", "held-out"))
        findings: list[Finding] = []
        total = len(work.layers) * len({*work.names, NOTHING})
        for number in work.layers:
            layer = Layer(Lesson(work.teacher, train, work.stack, number), held_out)
            for finding in probe_layer(layer, dict.fromkeys((*work.names, NOTHING))):
                findings.append(finding)
                progress(f"layer {number}: {finding.replacement}", len(findings), total)
    return findings


def record(work: Work, root: Path, kind: str, progress: Progress) -> ActivationCache:
    """Return the recording of a text, from an earlier probe where it is the same."""
    text = work.texts.train if kind == "train" else work.texts.held_out

    def report(done: int, total: int) -> None:
        progress(f"recording {text.name}", done, total)

    return cache_at(root / kind, work.teacher, text, work.sites, work.cache_limit, report)


def without(finding: Finding) -> dict[str, Any]:
    """Return how much the loss rises where a layer's mixer does nothing, and whether the sample can tell."""
    interval = finding.rise_interval
    known = {"layer": finding.layer, "rise": finding.rise, "rise_interval": interval}
    return known | {"is_resolved": None if finding.rise is None else is_resolved(interval)}


def report_of(work: Work, findings: Sequence[Finding], seconds: float) -> dict[str, Any]:
    """Return what a probe found, with what gives its figures their meaning."""
    texts = {"computed_on": work.texts.train, "judged_by": work.texts.held_out}
    counts = {
        key: {"split": text.split, "sequences": len(text), "tokens": int(text.lengths.sum())}
        for key, text in texts.items()
    }
    store = work.texts.train.store
    return {
        "teacher": Reference.to(work.teacher.path, model=work.teacher.hash).to_json(),
        "text": {"corpus": store.corpus, "store": store.hash, "max_length": work.texts.train.max_length}
        | counts,
        "protocol": PROTOCOL,
        "device": describe_device(work.teacher.device),
        "stack": work.stack,
        "layers": list(work.layers),
        "replacements": list(work.names),
        "findings": [asdict(one) for one in findings if one.replacement in work.names],
        "without": [without(one) for one in findings if one.replacement == NOTHING],
        "seconds": round(seconds, 2),
    }
