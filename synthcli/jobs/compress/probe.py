"""Probe a model: what every replacement costs in every layer, as a report and a heat map."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthcli import atomic_files
from synthcli.compress.activations.cache import (
    RECORDINGS,
    ActivationCache,
    cache_at,
    cache_bytes,
    refuse_size,
)
from synthcli.compress.activations.hook_points import HookPoint, check_layer, main_stack, stack_layers
from synthcli.compress.activations.recording import INDEX
from synthcli.compress.config import ProbeConfig
from synthcli.compress.distill.closed_forms import TeacherLayer
from synthcli.compress.probe.figures import ProbedLayer, ProbeFinding, is_resolved
from synthcli.compress.probe.probe_layer import NOTHING, choose_replacements, hook_points_for, probe_layer
from synthcli.compress.teacher import Teacher
from synthcli.disk import guard_write, refuse_unwritable
from synthcli.errors import SynthError, carry_result
from synthcli.jobs.compress.report_types import FindingRow, ProbeReport, WithoutRow
from synthcli.jobs.compress.students import count_text
from synthcli.jobs.compress.teachers import find_teacher
from synthcli.jobs.compress.texts import Texts, texts_for
from synthcli.jobs.shortage import suggest_less_text
from synthcli.progress import Progress, no_progress
from synthcli.runs import Reference, run_of
from synthcli.runs.environment import describe_device
from synthcli.runs.run import replace_json

REPORT, PICTURE = "probe.json", "probe.png"
ELSEWHERE = "name another folder with `-o`"
PROTOCOL = (
    "NMSE Σ‖y − ŷ‖² / Σ‖y − ȳ‖² of what is replaced, KL(teacher‖student) of the whole model in nats"
    " a position, of an encoder without a head the cosine of last hidden states, by formulas alone, on"
    " held-out text; rise of the loss −log p of the text's own tokens, in nats a token; intervals are 95 %"
    " bootstrap intervals over sequences"
)


@dataclass(frozen=True)
class ProbeJob:
    """Settings with everything found, before anything is computed; `bytes` is the size of the recordings.

    These stay in `cache`, if there is one; the report goes to `folder`.
    """

    config: ProbeConfig
    teacher: Teacher
    stack: str
    layers: tuple[int, ...]
    names: tuple[str, ...]
    texts: Texts
    points: tuple[HookPoint, ...]
    bytes: int
    cache: Path | None
    folder: Path


def prepare(
    config: ProbeConfig,
    preparing: Progress = no_progress,
    cache: Path | None = None,
    output: Path | None = None,
) -> ProbeJob:
    """Return everything a probe needs; whatever is wrong is refused here."""
    names = choose_replacements(config.replacements)
    teacher = find_teacher(config.teacher)
    stack = main_stack(teacher.config)
    layers = config.layers_among(stack_layers(teacher.config, stack))
    for layer in layers:
        check_layer(teacher.config, layer, stack)
    folder = output or folder_of(teacher)
    if folder.exists() and not folder.is_dir():
        raise SynthError(f"`-o {folder}` is a file", "name a folder")
    refuse_unwritable(folder / REPORT, ELSEWHERE)
    if cache is not None:
        refuse_unwritable(cache / INDEX, "name another folder with `--cache`")
    texts = texts_for(teacher, config, preparing)
    points = hook_points_for(teacher, stack, layers, names)
    size = sum(cache_bytes(teacher, text, points) for text in (texts.train, texts.held_out))
    refuse_size(cache or folder, size, config.cache_limit)
    return ProbeJob(config, teacher, stack, layers, tuple(names), texts, tuple(points), size, cache, folder)


def folder_of(teacher: Teacher) -> Path:
    """Return where a report goes: beside the results of the teacher's run, else a folder here."""
    run = run_of(teacher.path)
    return Path(f"probe.{teacher.path.resolve().name}") if run is None else run.results


def run(job: ProbeJob, progress: Progress = no_progress) -> ProbeReport:
    """Probe; write report and picture, and return the report."""
    from synthcli.jobs.compress.probe_picture import picture

    began = time.perf_counter()
    with guard_write(f"`{job.folder}`", job.folder, ELSEWHERE), atomic_files.parents_of(job.folder / REPORT):
        with suggest_less_text(job.texts.train.lengths):
            findings = record_and_probe(job, progress)
        report = report_of(job, findings, time.perf_counter() - began)
        with carry_result(report), guard_write(f"`{job.folder / REPORT}`", job.folder, ELSEWHERE):
            replace_json(job.folder / REPORT, report)
    with carry_result(report), guard_write(f"`{job.folder / PICTURE}`", job.folder, ELSEWHERE):
        picture(report, job.folder / PICTURE)
    return report


def record_and_probe(job: ProbeJob, progress: Progress) -> list[ProbeFinding]:
    """Record both texts, for as long as this lasts or in the cache named, and probe layer by layer."""
    with atomic_files.hold_temporary_folder(job.folder, RECORDINGS) as passing:
        root = job.cache or passing
        root.mkdir(parents=True, exist_ok=True)
        train, held_out = (record(job, root, kind, progress) for kind in ("train", "held-out"))
        findings: list[ProbeFinding] = []
        total = len(job.layers) * len({*job.names, NOTHING})
        for number in job.layers:
            layer = ProbedLayer(TeacherLayer(job.teacher, train, job.stack, number), held_out)
            for finding in probe_layer(layer, dict.fromkeys((*job.names, NOTHING))):
                findings.append(finding)
                progress(f"layer {number}: {finding.replacement}", len(findings), total)
    return findings


def record(job: ProbeJob, root: Path, kind: str, progress: Progress) -> ActivationCache:
    """Return the recording of a text, from an earlier probe where it is the same."""
    text = job.texts.train if kind == "train" else job.texts.held_out

    def report(what: str, done: int, total: int | None, note: str = "") -> None:
        progress(f"recording {text.name}", done, total)

    return cache_at(root / kind, job.teacher, text, job.points, job.config.cache_limit, report)


def without(finding: ProbeFinding) -> WithoutRow:
    """Return how much the loss rises where a layer's mixer does nothing, and whether the sample can tell."""
    interval = finding.rise_interval
    resolved = None if finding.rise is None else is_resolved(interval)
    return {
        "layer": finding.layer,
        "rise": finding.rise,
        "rise_interval": interval,
        "is_resolved": resolved,
    }


def row_of(finding: ProbeFinding) -> FindingRow:
    """Return a finding as it is written."""
    return {
        "layer": finding.layer,
        "replacement": finding.replacement,
        "what": finding.what,
        "start": finding.start,
        "share": finding.share,
        "nmse": finding.nmse,
        "kl": finding.kl,
        "cosine": finding.cosine,
        "neighbours": finding.neighbours,
        "seconds": finding.seconds,
        "why": finding.why,
        "kl_interval": finding.kl_interval,
        "rise": finding.rise,
        "rise_interval": finding.rise_interval,
    }


def report_of(job: ProbeJob, findings: Sequence[ProbeFinding], seconds: float) -> ProbeReport:
    """Return what a probe found, with what gives its figures their meaning."""
    store = job.texts.train.store
    return {
        "teacher": Reference.to(job.teacher.path, model=job.teacher.hash).to_json(),
        "text": {
            "corpus": store.corpus,
            "store": store.hash,
            "max_length": job.texts.train.max_length,
            "computed_on": count_text(job.texts.train),
            "judged_by": count_text(job.texts.held_out),
        },
        "protocol": PROTOCOL,
        "device": describe_device(job.teacher.device),
        "stack": job.stack,
        "layers": list(job.layers),
        "replacements": list(job.names),
        "findings": [row_of(one) for one in findings if one.replacement in job.names],
        "without": [without(one) for one in findings if one.replacement == NOTHING],
        "seconds": round(seconds, 2),
    }
