"""The compressed model of a reproduction: one block of a teacher it has trained, distilled and evaluated."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from synthcli.compress.assemble import new_mixer, with_mixers
from synthcli.compress.config import DistillConfig, ProbeConfig
from synthcli.compress.probe.probe_layer import NOTHING
from synthcli.evaluation.result import Result
from synthcli.jobs.compress import probe
from synthcli.jobs.compress.distill_block import DistillJob, prepare, provenance, run
from synthcli.jobs.evaluate.evaluate import EvaluationRequest as Question
from synthcli.jobs.evaluate.evaluate import evaluate_checkpoint, evaluate_model, options_for
from synthcli.jobs.stores import examples_of
from synthcli.jobs.train import Observer
from synthcli.progress import no_progress
from synthcli.reproduce.table import ResultRow
from synthcli.reproduce.tasks import TEACHER
from synthcli.runs import RESULT, Reference, Run, find_checkpoint, list_runs, read_experiment
from synthcli.runs.environment import describe_device

METRIC, UNTRAINED = "perplexity", "untrained-perplexity"
TASK, MOST_USED = "one block distilled", "most-used-block"
# steps, sequences to learn from
SIZES = {"smoke": (60, 1000), "hour": (400, 2000), "day": (1000, 8000), "paper": (4000, 40000)}


def make_compressed_rows(scale: str, teacher: Path, observer: Observer) -> Iterator[ResultRow]:
    """Yield the rows of students of one run: without its most used block, and with half of it.

    Of the half: how near its block is, and what the whole model is worth.
    """
    block = most_used_block(scale, teacher, observer)
    without = prepare(settings(scale, teacher, block, NOTHING), preparing=observer.preparing)
    yield perplexity_row(student_of(without, observer), without, f"without block {block}")
    half = prepare(settings(scale, teacher, block), preparing=observer.preparing)
    made, variant = student_of(half, observer), f"half of block {block}"
    yield error_row(made, half, variant)
    yield perplexity_row(made, half, variant)


def most_used_block(scale: str, teacher: Path, observer: Observer) -> int:
    """Return the block whose mixer is missed most: where the loss rises most without it."""
    run = Run(teacher)
    known = run.read_results().get(MOST_USED)
    if known is None:
        asked = ProbeConfig(teacher=str(teacher), replacements=(NOTHING,), limit=SIZES[scale][1])
        job = probe.prepare(asked, observer.preparing)
        findings = probe.record_and_probe(job, observer.preparing)
        rises = {str(one.layer): one.rise for one in findings if one.rise is not None}
        block = int(max(rises, key=lambda layer: rises[layer]))
        known = {"block": block, "rises": rises, "device": describe_device(job.teacher.device)}
        run.write_result(MOST_USED, known)
    return int(known["block"])


def settings(scale: str, teacher: Path, block: int, mixer: str | None = None) -> DistillConfig:
    """Return what is distilled: a block into heads half as wide, or into another mixer."""
    steps, limit = SIZES[scale]
    return DistillConfig(teacher=str(teacher), blocks=(block,), mixer=mixer, steps=steps, limit=limit)


def student_of(job: DistillJob, observer: Observer) -> Run:
    """Return the run of exactly this student: found, or made."""
    for made in list_runs(name=job.name):
        if RESULT in made.read_results() and is_student_of(made, job):
            return made
    return run(job, observer.preparing).run


def is_student_of(run: Run, job: DistillJob) -> bool:
    """Whether a run holds what a distillation would make: of this teacher, with these settings."""
    made, wanted = read_experiment(run).compress, provenance(job)
    account = Reference.parse(run.read_results()[RESULT]["teacher"])
    if made is None or not account.is_same(Reference.to(job.teacher.path).sha256, job.teacher.hash):
        return False
    return made.model_copy(update={"teacher": wanted.teacher}) == wanted


def error_row(run: Run, job: DistillJob, variant: str) -> ResultRow:
    """Return how near the block is; a student by chance stands for the untrained."""
    (one,) = run.read_results()[RESULT]["blocks"]
    fresh = next(trial["before"] for trial in one["trials"] if trial["start"] == "random")
    held_out = job.texts[1]
    return _start_row(run, job, variant)(
        metric="nmse",
        protocol=run.read_results()[RESULT]["protocol"] + "; untrained: a block by chance",
        value=one["nmse_after"],
        interval=None,
        untrained=fresh,
        higher_is_better=False,
        samples=len(held_out),
        parameters=one["parameters_after"],
        steps=one["steps"],
    )


def perplexity_row(run: Run, job: DistillJob, variant: str) -> ResultRow:
    """Return what the whole model is worth on the test split."""
    results = run.read_results()
    known = [Result.from_json(table) for name, table in results.items() if name.startswith(f"{METRIC}.")]
    evaluated = known[0] if known else evaluate_checkpoint(find_checkpoint(str(run.path)), Question(METRIC))
    figure, whole = evaluated.figures[0], results[RESULT]
    return _start_row(run, job, variant)(
        metric=figure.name,
        protocol=" ".join(filter(None, (figure.protocol, figure.signature))),
        value=figure.value,
        interval=figure.interval,
        untrained=by_chance(run, job).figures[0].value,
        higher_is_better=figure.higher_is_better,
        samples=evaluated.samples,
        parameters=whole["model"]["parameters_after"],
        steps=whole["blocks"][0]["steps"],
    )


def _start_row(run: Run, job: DistillJob, variant: str) -> "partial[ResultRow]":
    """Return a row that lacks what the two have of their own."""
    return partial(
        ResultRow,
        task=TASK,
        preset=TEACHER,
        variant=variant,
        corpus=job.data.corpus,
        step_time=None,
        claim="",
        run=str(run.path),
    )


def by_chance(run: Run, job: DistillJob) -> Result:
    """Evaluate the teacher with a student by chance in it, on the same examples."""
    known = run.read_results().get(UNTRAINED)
    if known is not None:
        return Result.from_json(known)
    experiment, teacher = read_experiment(run), job.teacher
    mixers = {
        layer: (config, new_mixer(teacher.config, layer, config, job.stack))
        for layer, config in job.students.items()
    }
    model = with_mixers(teacher.model, teacher.config, mixers, job.stack)
    question = Question(METRIC)
    evaluation = options_for(experiment, question)
    store = job.texts[0].store
    examples = examples_of(store, evaluation.split, teacher.config, experiment.data, evaluation)
    result = evaluate_model(
        model, teacher.tokenizer, examples, evaluation, question, no_progress, ("untrained", 0)
    )
    run.write_result(UNTRAINED, result.to_json())
    return result
