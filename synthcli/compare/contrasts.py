"""From the records of arms to contrasts with the baseline: by how much, how sure, and the verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthcli.compare.contrast_types import ContrastTable
from synthcli.compare.figures import Quantity
from synthcli.compare.pairs import Pairs, align, bootstrap_differences, bootstrap_p, randomisation_p
from synthcli.compare.power import smallest_difference
from synthcli.compare.record import RecordedFigure, RunRecord
from synthcli.compare.seeds import correlate_seeds, gain_of_pairs, sign_flip_floor, sign_flip_p, t_interval
from synthcli.compare.spread import Floor, Spread, spread_of
from synthcli.compare.verdict import Contrast, Verdict, decide
from synthcli.errors import SynthError
from synthcli.evaluation.bootstrap import LEVEL as PER_CENT
from synthcli.evaluation.bootstrap import Array
from synthcli.evaluation.figures import FIGURES

RESAMPLES = 2000
OF_TEXT = ("loss", "bits_per_byte")  # nats and units of stretches of text
Arms = Mapping[str, Mapping[int, RunRecord]]
"""Records of each arm by seed, the baseline's first."""


@dataclass(frozen=True)
class PairedArms:
    """A pair of arms before it is decided with the others."""

    quantity: Quantity
    contrast: Contrast
    pairs: Pairs
    resampled: Array
    seeds: tuple[int, ...]


def contrast_arms(
    arms: Arms, quantity: Quantity, margin: float | None, floor: Floor | None = None
) -> list[ContrastTable]:
    """Return a table for each arm but the baseline; seeds that both have are pairs."""
    limit = quantity.margin if margin is None else margin
    return contrast_figures(arms, [(quantity, limit, floor)])


def contrast_figures(
    arms: Arms, figures: Sequence[tuple[Quantity, float, Floor | None]]
) -> list[ContrastTable]:
    """Return a table for each figure of each arm but the baseline, all of them one family.

    With each figure come the margin and the noise floor.
    """
    return decide_pairs([pair for figure in figures for pair in pair_arms(arms, *figure)])


def pair_arms(arms: Arms, quantity: Quantity, margin: float, floor: Floor | None = None) -> list[PairedArms]:
    """Return each arm but the baseline beside it; seeds that both have are pairs."""
    _refuse_other_stores([record for of_arm in arms.values() for record in of_arm.values()])
    (name, baseline), *others = arms.items()
    return [_pair_arms(name, baseline, arm, records, quantity, margin, floor) for arm, records in others]


def decide_pairs(found: list[PairedArms]) -> list[ContrastTable]:
    """Return a table for each pair of arms; all of them are one family of tests."""
    verdicts = decide([one.contrast for one in found])
    return [_contrast_table(one, verdict) for one, verdict in zip(found, verdicts, strict=True)]


def get_quantity(record: RunRecord, quantity: Quantity) -> RecordedFigure:
    """Return what of a record is compared."""
    for name in quantity.figure_names:
        if (figure := record.figure(name)) is not None:
            return figure
    there = ", ".join(f"`{one.name}`" for one in record.figures)
    raise SynthError(f"run `{record.run}` has no `{quantity.figure}`", f"it has {there}")


def formula_of(figure: RecordedFigure, quantity: Quantity) -> Callable[[Array], Array]:
    """Return what makes the compared figure of sums."""
    return FIGURES["loss" if quantity.figure == "loss" else figure.name]


def value_of(record: RunRecord, quantity: Quantity) -> float:
    """Return the compared figure of a run."""
    figure = get_quantity(record, quantity)
    return float(formula_of(figure, quantity)(figure.kept.statistics.sum(axis=0)))


def _pair_arms(
    base_name: str,
    baseline: Mapping[int, RunRecord],
    arm: str,
    records: Mapping[int, RunRecord],
    quantity: Quantity,
    margin: float,
    floor: Floor | None,
) -> PairedArms:
    seeds = tuple(sorted(baseline.keys() & records.keys()))  # they may have ended in any order
    if not seeds:
        raise SynthError(
            f"arms `{base_name}` and `{arm}` have no seed in common", "train one seed of both: `--seeds 1`"
        )
    _refuse_other_samples(baseline[seeds[0]], records[seeds[0]], quantity)
    figures = [[get_quantity(side[seed], quantity) for seed in seeds] for side in (records, baseline)]
    sides = [np.stack([figure.kept.statistics for figure in side]) for side in figures]
    ours, theirs = _same_samples(sides[0], sides[1], quantity)
    pairs = Pairs(ours, theirs, formula_of(figures[0][0], quantity))
    resampled = bootstrap_differences(pairs, RESAMPLES)
    spread = spread_of(pairs, resampled, floor)
    first = figures[0][0]
    name = quantity.figure if quantity.figure == "loss" else first.name
    contrast = Contrast(arm, name, spread, margin, first.higher_is_better)
    return PairedArms(quantity, contrast, pairs, resampled, seeds)


def _refuse_other_stores(records: Sequence[RunRecord]) -> None:
    """Raise where runs of one corpus and one tokenizer have read two versions of it."""
    stores: dict[tuple[str, str], RunRecord] = {}
    for record in records:
        data = record.configuration.get("data")
        tokenizer = data.get("tokenizer") if isinstance(data, dict) else None
        first = stores.setdefault((record.corpus, str(tokenizer)), record)
        if first.store != record.store:
            which = f"run `{first.run}` {first.store[:8]}, run `{record.run}` {record.store[:8]}"
            message = f"runs have read two versions of the store of `{record.corpus}`: {which}"
            raise SynthError(message, "prepare the corpus once for all of them, and train what is left again")


def _refuse_other_samples(baseline: RunRecord, arm: RunRecord, quantity: Quantity) -> None:
    """Raise where two arms were not evaluated on the same samples in the same way."""
    for what in ("corpus", "split"):
        one, other = getattr(baseline, what), getattr(arm, what)
        if one != other:
            message = f"arms were evaluated on different data: `{one}` and `{other}`"
            raise SynthError(message, "a comparison needs one test set")
    is_by_token = quantity.figure == "loss"
    if is_by_token and baseline.store != arm.store:
        message = "a loss by token compares one tokenizer alone, and these arms have two"
        raise SynthError(message, "`--metric bits-per-byte` compares any")


def _same_samples(arm: Array, baseline: Array, quantity: Quantity) -> tuple[Array, Array]:
    """Return statistics of the same samples: of a text that arms cut otherwise, of what lies between cuts."""
    is_text = quantity.figure in OF_TEXT
    if arm.shape == baseline.shape and not (is_text and (arm[0, :, -1] != baseline[0, :, -1]).any()):
        return arm, baseline
    aligned = align(arm, baseline) if is_text else None
    if aligned is None:
        message = f"arms were evaluated on other samples: {baseline.shape[1]:,} and {arm.shape[1]:,}"
        raise SynthError(message, "evaluate both on the same split, with the same lengths")
    return aligned


def _contrast_table(one: PairedArms, verdict: Verdict) -> ContrastTable:
    """Return all that is said of a contrast."""
    contrast, pairs = one.contrast, one.pairs
    spread, differences = contrast.spread, pairs.differences()
    arm, baseline = pairs.values()
    over_samples = one.resampled.mean(axis=1)
    tail = (100 - PER_CENT) / 2
    return {
        "arm": contrast.arm,
        "metric": one.quantity.word,
        "figure": contrast.metric,
        "unit": one.quantity.unit,
        "higher_is_better": contrast.higher_is_better,
        "difference": spread.difference,
        "margin": contrast.margin,
        "pairs": [int(seed) for seed in one.seeds],
        "over_seeds": {
            "differences": differences.tolist(),
            "error": spread.seeds,
            "is_noise_floor": spread.is_floor,
            "interval": t_interval(differences),
            "sign_flip_p": sign_flip_p(differences),
            "smallest_sign_flip_p": sign_flip_floor(len(differences)),
            "correlation": correlate_seeds(arm, baseline),
            "gain_of_pairs": gain_of_pairs(arm, baseline),
        },
        "over_samples": {
            "samples": pairs.samples,
            "error": spread.samples,
            "interval": [float(edge) for edge in np.percentile(over_samples, [tail, 100 - tail])],
            "bootstrap_p": bootstrap_p(over_samples, spread.difference),
            "randomisation_p": randomisation_p(pairs, RESAMPLES),
        },
        "both": {
            "error": spread.both,
            "interval": list(spread.interval()),
            "p": spread.p_value(),
            "adjusted_p": verdict.p_difference,
            "adjusted_equivalence_p": verdict.p_equivalence,
            "smallest_difference": _resolution(spread),
        },
        "verdict": verdict.word,
        "more_seeds": verdict.more_seeds,
    }


def _resolution(spread: Spread) -> float | None:
    """Return the smallest difference that as many pairs find with 80 % power, σ being what was seen."""
    if spread.seeds is None:
        return None
    return smallest_difference(spread.seeds * spread.count**0.5, max(2, spread.count), spread.rest)
