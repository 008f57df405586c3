"""How gains end: what a training of a claim writes of them into its journal  (He & Hofmann 2023, Fig. 4)."""

import re
from collections.abc import Mapping

from synthcli.errors import SynthError
from synthcli.jobs.reproduce.rows import finish_run
from synthcli.jobs.train import Observer
from synthcli.presets.schema import Experiment
from synthcli.training.metrics_log import read_journal

PROJECTION = re.compile(r"(?P<site>.*\.(?:value|output))\.(?P<gain>skip|residual)$")
Gains = Mapping[str, float | list[float]]
"""Gains by name; some are one a head."""


def largest_gain_ratio(experiment: Experiment, observer: Observer) -> float:
    """Return the largest |β/α| of values and projections at the end, the first layer's values apart."""
    _, last = _gains(experiment, observer)
    found: dict[str, dict[str, float]] = {}
    for name, value in last.items():
        if match := PROJECTION.match(name):
            assert not isinstance(value, list)  # one gain of a whole projection
            found.setdefault(match["site"], {})[match["gain"]] = abs(float(value))
    ratios = {site: pair["residual"] / pair["skip"] for site, pair in found.items() if len(pair) == 2}
    of_others = [ratio for site, ratio in ratios.items() if not re.search(r"\.0\..*value$", site)]
    if not of_others:
        raise SynthError(
            f"`{experiment.name}` has no values or projections of two gains", "see its `[model]`"
        )
    return max(of_others)


def smallest_gain(experiment: Experiment, observer: Observer) -> float:
    """Return the smallest |gain| of attention and feed-forward at the end, in units of its start."""
    first, last = _gains(experiment, observer)
    own = [name for name in last if not PROJECTION.match(name)]
    return min(_mean_size(last[name]) / _mean_size(first[name]) for name in own)


def _gains(experiment: Experiment, observer: Observer) -> tuple[Gains, Gains]:
    """Return the gains of a training at its first and its last note of them."""
    run = finish_run(experiment, observer)
    notes = [
        row["diagnostics"]["gains"]
        for row in read_journal(run.journal)
        if "gains" in row.get("diagnostics", {})
    ]
    if not notes or not notes[-1]:
        raise SynthError(
            f"`{experiment.name}` notes no gains while it learns",
            "`--set training.diagnostics='[\"gains\"]'`, of a model whose gains are trainable",
        )
    return notes[0], notes[-1]


def _mean_size(value: float | list[float]) -> float:
    """Return the mean size of a gain, which may be one a head."""
    values = value if isinstance(value, list) else [value]
    return sum(abs(float(one)) for one in values) / len(values)
