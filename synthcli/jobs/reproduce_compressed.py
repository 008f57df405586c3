"""The compressed model of a reproduction: one block of a teacher it has trained, distilled and judged."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthcli.compress.assemble import new_mixer, with_mixers
from synthcli.compress.distilling import Plan
from synthcli.compress.fitting import FitConfig
from synthcli.compress.probe import NOTHING
from synthcli.data.prepare import silent
from synthcli.evaluation.result import Result
from synthcli.jobs import probe
from synthcli.jobs.distil_block import Request, Work, carried_out, found, provenance
from synthcli.jobs.evaluate import Request as Question
from synthcli.jobs.evaluate import evaluate_checkpoint, judge, options_for, report_nothing
from synthcli.jobs.stores import examples_of
from synthcli.jobs.texts import TextRequest
from synthcli.jobs.train import Watcher
from synthcli.reproduce.table import Row
from synthcli.reproduce.tasks import TEACHER
from synthcli.runs import RESULT, Reference, Run, find_checkpoint, list_runs, read_experiment
from synthcli.runs.environment import describe_device

METRIC, UNTRAINED = "perplexity", "untrained-perplexity"
TASK, MOST_USED = "one block distilled", "most-used-block"
# steps, sequences to learn from
SIZES = {"smoke": (60, 1000), "hour": (400, 2000), "day": (1000, 8000), "paper": (4000, 40000)}


def compressed_rows(scale: str, teacher: Path, watcher: Watcher) -> Iterator[Row]:
    """Yield the rows of students of one run: without its most used block, and with half of it.

    Of the half: how near its block is, and what the whole model is worth.
    """
    block = most_used_block(scale, teacher, watcher)
    without = found(replace(request(scale, teacher, block), mixer=NOTHING), watcher.preparing)
    yield perplexity_row(student_of(without, watcher), without, f"without block {block}")
    half, variant = found(request(scale, teacher, block), watcher.preparing), f"half of block {block}"
    run = student_of(half, watcher)
    yield error_row(run, half, variant)
    yield perplexity_row(run, half, variant)


def most_used_block(scale: str, teacher: Path, watcher: Watcher) -> int:
    """Return the block whose mixer is missed most: where the loss rises most without it."""
    run = Run(teacher)
    known = run.read_results().get(MOST_USED)
    if known is None:
        text = TextRequest(limit=SIZES[scale][1])
        work = probe.found(probe.Request(str(teacher), replacements=(NOTHING,), text=text), watcher.preparing)
        findings = probe.recorded_and_probed(work, watcher.preparing or silent)
        rises = {str(one.layer): one.rise for one in findings if one.rise is not None}
        block = int(max(rises, key=lambda layer: rises[layer]))
        known = {"block": block, "rises": rises, "device": describe_device(work.teacher.device)}
        run.write_result(MOST_USED, known)
    return int(known["block"])


def request(scale: str, teacher: Path, block: int) -> Request:
    """Return what is distilled: a block into heads half as wide."""
    steps, limit = SIZES[scale]
    plan = Plan(settings=replace(FitConfig(), steps=steps))
    return Request((block,), str(teacher), plan=plan, text=TextRequest(limit=limit))


def student_of(work: Work, watcher: Watcher) -> Run:
    """Return the run of exactly this student: found, or made."""
    for run in list_runs(name=work.name):
        if RESULT in run.read_results() and is_student_of(run, work):
            return run
    report = watcher.preparing or silent
    return carried_out(work, lambda what, done, total, word: report(what, done, total)).run


def is_student_of(run: Run, work: Work) -> bool:
    """Whether a run holds what a distillation would make: of this teacher, with these settings."""
    made, wanted = read_experiment(run).compress, provenance(work)
    account = Reference.parse(run.read_results()[RESULT]["teacher"])
    if made is None or not account.is_same(Reference.to(work.teacher.path).sha256, work.teacher.hash):
        return False
    return made.model_copy(update={"teacher": wanted.teacher}) == wanted


def error_row(run: Run, work: Work, variant: str) -> Row:
    """Return how near the block is; a student by chance stands for the untrained."""
    (one,) = run.read_results()[RESULT]["blocks"]
    fresh = next(trial["before"] for trial in one["trials"] if trial["start"] == "random")
    held_out = work.texts[1]
    return Row(
        **common(run, work, variant),
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


def perplexity_row(run: Run, work: Work, variant: str) -> Row:
    """Return what the whole model is worth on the test split."""
    results = run.read_results()
    known = [Result.from_json(table) for name, table in results.items() if name.startswith(f"{METRIC}.")]
    judged = known[0] if known else evaluate_checkpoint(find_checkpoint(str(run.path)), Question(METRIC))
    figure, whole = judged.figures[0], results[RESULT]
    return Row(
        **common(run, work, variant),
        metric=figure.name,
        protocol=" ".join(filter(None, (figure.protocol, figure.signature))),
        value=figure.value,
        interval=figure.interval,
        untrained=by_chance(run, work).figures[0].value,
        higher_is_better=figure.higher_is_better,
        samples=judged.samples,
        parameters=whole["model"]["parameters_after"],
        steps=whole["blocks"][0]["steps"],
    )


def common(run: Run, work: Work, variant: str) -> dict[str, Any]:
    """Return what both rows share."""
    return {
        "task": TASK,
        "preset": TEACHER,
        "variant": variant,
        "corpus": work.data.corpus,
        "step_time": None,
        "claim": "",
        "run": str(run.path),
    }


def by_chance(run: Run, work: Work) -> Result:
    """Judge the teacher with a student by chance in it, on the same examples."""
    known = run.read_results().get(UNTRAINED)
    if known is not None:
        return Result.from_json(known)
    experiment, teacher = read_experiment(run), work.teacher
    mixers = {
        layer: (config, new_mixer(teacher.config, layer, config, work.stack))
        for layer, config in work.students.items()
    }
    model = with_mixers(teacher.model, teacher.config, mixers, work.stack)
    question = Question(METRIC)
    judging = options_for(experiment, question)
    store = work.texts[0].store
    examples = examples_of(store, judging.split, teacher.config, experiment.data, judging)
    result = judge(model, teacher.tokenizer, examples, judging, question, report_nothing, ("untrained", 0))
    run.write_result(UNTRAINED, result.to_json())
    return result
