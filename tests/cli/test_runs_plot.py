"""`synth runs plot`: curves as the journals have them, in one picture, lines apart without colours."""

import json
import re
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb

from synthcli.jobs.curves_picture import LOOKS, Curve, curves_of, picture, smooth
from synthcli.runs import Run, create_run

from .conftest import Synth


def journal_of(run: Run, losses: list[float], every: int = 2) -> Run:
    """Write a journal of losses, and a validation loss at every other step."""
    lines = [{"step": step, "loss": loss} for step, loss in enumerate(losses, 1)]
    lines += [{"step": step, "validation_loss": losses[step - 1] + 0.1} for step in range(2, 6, every)]
    run.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


@pytest.fixture
def runs(here: Path) -> list[Run]:
    """Two runs of one name and one of another."""
    names = ("a", "a", "b")
    made = [create_run(name, f'name = "{name}"\n', here / "runs") for name in names]
    return [journal_of(run, [5.0 - number, 4.0, 3.0, 2.5, 2.0]) for number, run in enumerate(made)]


def test_curves_are_what_the_journals_say(runs: list[Run]) -> None:
    first, _, other = curves_of(runs)
    assert (first.label, other.label) == (f"a {runs[0].id}", "b")
    assert first.loss == [(1, 5.0), (2, 4.0), (3, 3.0), (4, 2.5), (5, 2.0)]
    assert first.validation == [(2, 4.1), (4, 2.6)]


def test_several_runs_are_one_picture(synth: Synth, here: Path, runs: list[Run]) -> None:
    said = synth("runs", "plot", *(run.id for run in runs), runs[0].id, "-o", "pictures/curves.svg")
    assert (said.code, said.err) == (0, "wrote `pictures/curves.svg`: 3 runs\n")
    drawn = (here / "pictures" / "curves.svg").read_text()
    for text in ("training loss", "validation loss", f"a {runs[0].id}", f"a {runs[1].id}", "b"):
        assert f"<!-- {text} -->" in drawn
    assert len(set(re.findall(r"stroke-dasharray: ([\d., ]+);", drawn))) >= 2


def test_a_picture_lies_in_the_run_unless_somebody_says_where(synth: Synth, runs: list[Run]) -> None:
    said = synth("runs", "plot", "b")
    assert (said.code, said.err) == (0, f"wrote `runs/b/{runs[2].id}/curves.png`: 1 run\n")
    assert (runs[2].path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_lines_stay_apart_in_grey() -> None:
    dashes, marks = {str(look[1]) for look in LOOKS}, {look[2] for look in LOOKS}
    assert len(dashes) == len(marks) == len(LOOKS)
    for colour, *_ in LOOKS:
        red, green, blue = to_rgb(colour)
        assert 0.299 * red + 0.587 * green + 0.114 * blue < 0.7  # none fades into the paper


def test_a_long_curve_is_drawn_by_its_running_means() -> None:
    curve = [(step, float(step % 2)) for step in range(1, 101)]
    assert smooth(curve)[:2] == [(2, 0.5), (3, 0.5)] and len(smooth(curve)) == 99
    assert smooth(curve[:10]) == curve[:10]


def test_without_validation_there_is_one_panel(tmp_path: Path) -> None:
    picture([Curve("a", [(1, 2.0)], [])], tmp_path / "curves.svg")
    assert "validation loss" not in (tmp_path / "curves.svg").read_text()


def test_what_cannot_be_drawn_is_one_message(synth: Synth, here: Path, runs: list[Run]) -> None:
    empty = create_run("c", 'name = "c"\n', here / "runs")
    many = [create_run("d", 'name = "d"\n', here / "runs").id for _ in range(2 * len(LOOKS) + 1)]
    for words, message, hint in (
        (
            ["c"],
            f"run `runs/c/{empty.id}` has no record of a loss",
            "leave it out: `synth runs show` says what it holds",
        ),
        (["b", "-o", "curves.gif"], "`curves.gif` has no known ending", "use one of .png, .svg, .pdf"),
        (many, "13 runs are too many for one picture, which tells 12 apart", "draw several pictures"),
        (["nowhere"], "unknown run `nowhere`", None),
    ):
        said = synth("runs", "plot", *words)
        assert said.code == 2 and said.err.startswith(f"error: {message}\nhint: {hint or ''}")
    assert not list(here.rglob("*.gif")) and not list(here.rglob("*.png"))
