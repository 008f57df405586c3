"""What was printed beside a figure of ours: by which protocol, and whether the two compare."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from synthcli.claims.printed import figures_by_preset
from synthcli.compare.figures import QUANTITIES
from synthcli.evaluation.result import Result
from synthcli.presets.schema import Experiment
from synthcli.runs import read_experiment, run_of

PUBLISHED = "paper"


def describe_claims(experiment: Experiment, result: Result) -> Iterator[str]:
    """Yield a line for each printed figure of an experiment that a result has a figure of."""
    figures = {figure.name: figure for figure in result.figures}
    for own, table in figures_by_preset().get(experiment.name, {}).items():
        quantity = QUANTITIES.get(str(table.get("measure", "")))
        figure = None if quantity is None else figures.get(quantity.figure_names[0])
        if figure is not None:
            printed = table.get("printed") or f"{table['value']:g}"
            protocol = table.get("protocol", "its protocol is not known")
            said = f"`{own}` printed {printed} {figure.name} ({protocol}); ours is {figure.value:.2f}"
            yield f"{said}: {_comparable(experiment, table)}"


def describe_claims_of(result: Result) -> Iterator[str]:
    """Yield what was printed for the preset of the run that a result is of; another checkpoint has none."""
    run = run_of(Path(result.checkpoint))
    if run is not None:
        yield from describe_claims(read_experiment(run), result)


def _comparable(experiment: Experiment, table: Mapping[str, object]) -> str:
    """Say whether two figures compare, and where not, why."""
    if experiment.scale != PUBLISHED:
        return (
            f"not comparable, since scale {experiment.scale} has other data, a smaller model and fewer steps"
        )
    if table.get("differs"):
        return f"not comparable, since {table['differs']}"
    return "comparable; of one run nothing is concluded"
