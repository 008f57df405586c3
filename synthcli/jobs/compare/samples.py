"""Compare single runs by their documents: files of lm-eval, paired, the first being the baseline.

Over documents alone: paired bootstrap (Koehn 2004) and approximate randomisation (Riezler and Maxwell 2005).
Differences as large as the one seen count, since counts of right answers tie. Another seed of the same
training may differ by more; nothing here says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synthcli.compare.contrasts import RESAMPLES
from synthcli.compare.lm_eval_samples import FORM, Document, SampleFile, formula_for, read_sample_file
from synthcli.compare.pairs import Pairs, bootstrap_differences, centred_bootstrap_p, randomisation_p
from synthcli.compare.verdict import holm
from synthcli.errors import SynthError, did_you_mean
from synthcli.evaluation.bootstrap import LEVEL

ROUNDING = 1e-9  # of a figure: differences that are equal but for the order of their sums


@dataclass(frozen=True)
class SampleContrast:
    """A figure of two runs over the same documents; `interval` covers 95 % of paired resamples.

    `other_prompts` counts documents that were asked otherwise. `adjusted_p` is `randomisation_p` by Holm's
    rule over all contrasts.
    """

    arm: str
    baseline: str
    figure: str
    documents: int
    other_prompts: int
    arm_value: float
    baseline_value: float
    difference: float
    interval: tuple[float, float]
    bootstrap_p: float
    randomisation_p: float
    adjusted_p: float = 1.0


def compare_samples(paths: Sequence[str], metrics: Sequence[str] = ()) -> list[SampleContrast]:
    """Return a table for each figure of each file but the first, beside the first."""
    if len(paths) < 2:
        raise SynthError("`--samples` compares two files or more", FORM)
    if len(set(paths)) < len(paths):
        raise SynthError("one file is given twice", "name each file once")
    baseline, *arms = (read_sample_file(Path(path)) for path in paths)
    found = [one for arm in arms for one in contrast_files(arm, baseline, metrics)]
    adjusted = holm([one.randomisation_p for one in found])
    return [replace(one, adjusted_p=p) for one, p in zip(found, adjusted, strict=True)]


def contrast_files(arm: SampleFile, baseline: SampleFile, metrics: Sequence[str]) -> list[SampleContrast]:
    """Return a contrast for each figure that both files have, or for those that were asked for."""
    _refuse_other_documents(arm, baseline)
    documents = sorted(baseline.prompts)
    return [_contrast(arm, baseline, figure, documents) for figure in choose_figures(arm, baseline, metrics)]


def choose_figures(arm: SampleFile, baseline: SampleFile, metrics: Sequence[str]) -> list[str]:
    """Return the figures to compare; `acc` is it under every filter."""
    shared = [figure for figure in baseline.figures() if figure in arm.figures()]
    if not shared:
        message = f"`{arm.path}` and `{baseline.path}` share no metric that is a number of each document"
        raise SynthError(message, "lm_eval's corpus metrics, such as bleu, are not kept by document")
    for metric in metrics:
        if not any(metric in (figure, figure.partition(", ")[0]) for figure in shared):
            raise SynthError(f"the files share no `{metric}` by document", did_you_mean(metric, shared))
    return [one for one in shared if not metrics or {one, one.partition(", ")[0]} & set(metrics)]


def _refuse_other_documents(arm: SampleFile, baseline: SampleFile) -> None:
    shared = len(arm.prompts.keys() & baseline.prompts.keys())
    if shared == len(arm.prompts) == len(baseline.prompts):
        return
    sizes = f"{len(baseline.prompts):,} and {len(arm.prompts):,}, of which {shared:,} are the same"
    message = f"`{baseline.path}` and `{arm.path}` hold other documents: {sizes}"
    raise SynthError(message, "run `lm_eval --log_samples` for both with one task, version and `--limit`")


def _contrast(
    arm: SampleFile, baseline: SampleFile, figure: str, documents: list[Document]
) -> SampleContrast:
    sides = [side.statistics(figure, documents) for side in (arm, baseline)]
    pairs = Pairs(sides[0], sides[1], formula_for(figure))
    resampled = bootstrap_differences(pairs, RESAMPLES).mean(axis=1)
    low, high = np.percentile(resampled, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    (ours,), (theirs,) = pairs.values()
    tie = ROUNDING * max(abs(ours), abs(theirs))
    return SampleContrast(
        arm=str(arm.path),
        baseline=str(baseline.path),
        figure=figure,
        documents=len(documents),
        other_prompts=sum(arm.prompts[one] != baseline.prompts[one] for one in documents),
        arm_value=float(ours),
        baseline_value=float(theirs),
        difference=float(ours - theirs),
        interval=(float(low), float(high)),
        bootstrap_p=centred_bootstrap_p(resampled, float(ours - theirs), tie),
        randomisation_p=randomisation_p(pairs, RESAMPLES, tie=tie),
    )
