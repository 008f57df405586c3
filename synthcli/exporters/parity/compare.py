"""From what a folder computes to what the parity report says of it."""

import platform
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from .reference import Array, Greedy, ParityCase, RecordedModel
from .report import Agreement, CaseReport, Latency, ParityReport

REPETITIONS, WARM_UP = 7, 2


class OpenedExport(Protocol):
    """An exported folder, opened; arrays in, arrays out."""

    versions: dict[str, str]

    def logits(self, inputs: dict[str, Array]) -> Array:
        """Return the logits of every position, or of the one decision."""
        ...

    def greedy(self, prompt: Array, steps: int) -> Array:
        """Return the tokens that greedy decoding adds to one prompt, or makes of one source; none ends it."""
        ...


def compare_all(subject: OpenedExport, recorded: RecordedModel) -> ParityReport:
    """Return the parity report: differences, agreement, latency, and whether it holds."""
    facts, cases = recorded.facts, []
    for case in recorded.cases:
        cases.append(compare_logits(case, subject.logits(case.inputs), facts["task"]))
    written = None
    if recorded.greedy is not None:
        written = compare_greedy(subject, recorded.greedy, facts["tolerance"])
    return verdict(recorded, cases, written) | {
        "latency": latency(subject, recorded),
        "versions": {"python": platform.python_version(), "numpy": np.__version__, **subject.versions},
    }


def verdict(recorded: RecordedModel, cases: list[CaseReport], written: Agreement | None) -> ParityReport:
    """Return whether the cases and what was written hold, and the reasons why not."""
    tolerance = recorded.facts["tolerance"]
    largest = max(float(np.abs(case.logits[case.real]).max()) for case in recorded.cases)
    allowed = tolerance * max(1.0, largest)
    worst = max(case["max_difference"] for case in cases)
    by_loss = max(case["loss_difference"] for case in cases)
    reasons = []
    if not all(case["max_difference"] <= allowed for case in cases):  # not a number is no difference
        reasons.append(f"logits differ by up to {worst:.3g}, allowed is {allowed:.3g}")
    if not all(case["loss_difference"] <= allowed for case in cases):
        reasons.append(f"losses differ by up to {by_loss:.3g}, allowed is {allowed:.3g}")
    agreement = written if written is not None else sum_agreement(recorded, cases)
    if agreement["agreement"] < 1:
        reasons.append(
            f"of {agreement['tokens']} chosen tokens only {agreement['agreement']:.2%} are the same"
        )
    return {
        "holds": not reasons,
        "reasons": reasons,
        "tolerance": tolerance,
        "largest_logit": largest,
        "allowed_difference": allowed,
        "max_difference": worst,
        "mean_difference": float(np.mean([case["mean_difference"] for case in cases])),
        "loss_difference": by_loss,
        "greedy": agreement,
        "cases": cases,
    }


def compare_logits(case: ParityCase, logits: Array, task: str) -> CaseReport:
    """Return how far logits are from the recorded ones, at real positions."""
    if logits.shape != case.logits.shape:
        raise ValueError(f"logits of shape {logits.shape}, recorded are {case.logits.shape}")
    difference = np.abs(logits.astype(np.float64) - case.logits)[case.real]
    chosen, best = logits.argmax(-1)[case.real], case.logits.argmax(-1)[case.real]
    leads = margins(case.logits)[case.real] > 2 * difference.max(-1)
    name = "source" if "source" in case.inputs else "tokens"
    return {
        "batch": len(case.inputs[name]),
        "length": case.inputs[name].shape[-1],
        "padded": bool("padding" in case.inputs or "source_padding" in case.inputs),
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "loss_difference": abs(loss(logits, case.labels, case.real, task) - case.loss),
        "compared": int(leads.sum()),
        "same": int((chosen == best)[leads].sum()),
    }


def sum_agreement(recorded: RecordedModel, cases: list[CaseReport]) -> Agreement:
    """Return how many best classes or words are the same, where no two were equally good."""
    compared, same = sum(case["compared"] for case in cases), sum(case["same"] for case in cases)
    return {"tokens": compared, "agreement": same / compared if compared else 1.0}


def compare_greedy(subject: OpenedExport, greedy: Greedy, tolerance: float) -> Agreement:
    """Return how many tokens are the same, up to where two were equally good."""
    compared = same = ties = 0
    for prompt, tokens, leads in zip(greedy.prompts, greedy.tokens, greedy.margins, strict=True):
        found = subject.greedy(prompt, greedy.steps)
        differs = np.flatnonzero(found != tokens)
        is_tie = len(differs) > 0 and leads[differs[0]] <= 2 * tolerance
        count = int(differs[0]) if is_tie else greedy.steps
        compared, ties = compared + count, ties + is_tie
        same += int((found[:count] == tokens[:count]).sum())
    agreement = same / compared if compared else 1.0
    return {"steps": greedy.steps, "tokens": compared, "agreement": agreement, "ties": int(ties)}


def margins(logits: Array) -> Array:
    """Return by how much the best leads the second best."""
    if logits.shape[-1] == 1:
        return np.full(logits.shape[:-1], np.inf)
    best = np.partition(logits.astype(np.float64), -2, axis=-1)[..., -2:]
    lead: Array = best[..., 1] - best[..., 0]
    return lead


def loss(logits: Array, labels: Array, real: Array, task: str) -> float:
    """Return the mean cross-entropy over real positions; of a regression, the mean squared error."""
    chosen, wanted = logits.astype(np.float64)[real], labels[real]
    if chosen.shape[-1] == 1 and task == "classification":
        return float(np.mean((chosen[:, 0] - wanted) ** 2))
    largest = chosen.max(-1)
    totals = np.log(np.exp(chosen - largest[:, None]).sum(-1)) + largest
    return float(np.mean(totals - chosen[np.arange(len(chosen)), wanted]))


def latency(subject: OpenedExport, recorded: RecordedModel) -> dict[str, Latency | int]:
    """Return seconds of the largest case, and of greedy decoding, beside ours."""
    ours, largest, greedy = recorded.facts["seconds"], recorded.cases[-1].inputs, recorded.greedy
    found = {"forward": fastest_seconds(lambda: subject.logits(largest))}
    if greedy is not None:
        found["greedy"] = fastest_seconds(lambda: subject.greedy(greedy.prompts[0], greedy.steps), 3, 0)
    report: dict[str, Latency | int] = {}
    for name, seconds in found.items():
        report[name] = Latency(ours_seconds=ours[name], seconds=seconds, ratio=seconds / ours[name])
    return report | {"threads": recorded.facts["threads"]}


def fastest_seconds(work: Callable[[], object], times: int = REPETITIONS, warm_up: int = WARM_UP) -> float:
    """Return the shortest time of a call: what else runs on the machine only adds to it."""
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
