"""Pictures at the width of a page: what their axes, colours and words say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from synthcli import atomic_files
from synthcli.jobs.compress import agreement_picture, probe_picture

NAMES = ["heads-halved", "factorized-random", "none"]
PAGE = 6.3  # inches


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved, laid out."""
    figures: list[Figure] = []

    def keep(path: Path, figure: Figure) -> None:
        figure.draw_without_rendering()
        figures.append(figure)

    monkeypatch.setattr(atomic_files, "save_picture", keep)
    return figures


def report(layers: int, key: str = "kl") -> dict[str, Any]:
    other = {"kl": "cosine", "cosine": "kl"}[key]
    findings = [
        {"layer": layer, "replacement": name, "nmse": 10.0 ** (layer % 5 - 3), key: 0.04 * layer, other: None}
        for layer in range(layers)
        for name in NAMES
    ]
    text = {"corpus": "wikitext-2", "judged_by": {"sequences": 62, "split": "validation"}}
    teacher = {"path": "runs/a-run-with-a-long-name/1/checkpoints/step-1"}
    head = {"layers": list(range(layers)), "replacements": NAMES, "text": text, "teacher": teacher}
    return head | {"findings": findings}


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 2, 12, 24])
def test_a_heat_map_fits_a_page_and_its_figures_their_cells(layers: int, drawn: list[Figure]) -> None:
    probe_picture.picture(report(layers), Path("probe.png"))
    (figure,) = drawn
    assert figure.get_size_inches()[0] <= PAGE
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == (4 if layers > 12 else 2)
    for axes in maps:
        width = axes.get_window_extent().width / len(axes.get_xticks())
        assert axes.texts and all(text.get_window_extent().width < width for text in axes.texts)
        assert all(text.get_fontsize() >= 7 for text in axes.texts)
    bars = [axes for axes in figure.axes if not axes.images]
    assert [bar.get_ylabel() for bar in bars] == ["lower is better"] * 2
    assert figure._suptitle.get_window_extent().x1 <= figure.bbox.width  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (2e-4, 3.0, ["0.001", "0.010", "0.10", "1.00"]),
        (0.05, 0.08, ["0.050", "0.080"]),
        (1e-4, 1.01e-4, ["1e-4"]),
    ],
)
def test_a_colour_bar_names_powers_of_ten_or_its_ends(low: float, high: float, said: list[str]) -> None:
    ticks = probe_picture.ticks_of(LogNorm(low, high))
    assert [probe_picture.figure_of(tick) for tick in ticks] == said


def test_the_heat_map_of_an_encoder_without_a_head_has_one_less_cosine(drawn: list[Figure]) -> None:
    probe_picture.picture(report(2, "cosine"), Path("probe.png"))
    titles = [axes.get_title(loc="left") for axes in drawn[0].axes if axes.images]
    assert titles == ["NMSE of what is replaced", "1 − cosine of hidden states"]


def compared(number: int, name: str) -> Any:
    scores = {"teacher_top1": 100.0 - number, "kl": 0.01 * number}
    figures = {name: SimpleNamespace(value=value, interval=None) for name, value in scores.items()}
    result = SimpleNamespace(corpus="wikitext-2", split="test", samples=100)
    cost = SimpleNamespace(flops=1e6 * (1 + number), milliseconds=2.0 + number)
    return SimpleNamespace(name=f"{name}-{number}", figure=figures.get, result=result, cost=cost)


@pytest.mark.parametrize(("students", "name"), [(1, "student"), (8, "student"), (8, 7 * "student-")])
def test_agreement_ends_where_it_can_go_no_further(
    students: int, name: str, drawn: list[Figure], tmp_path: Path
) -> None:
    teacher = SimpleNamespace(config=SimpleNamespace(has_head=True))
    cost = SimpleNamespace(flops=1e7, milliseconds=12.0)
    all_of_them: Any = SimpleNamespace(
        students=[compared(number, name) for number in range(students)], teacher=teacher, teacher_cost=cost
    )
    agreement_picture.picture(all_of_them, tmp_path / "agreement.png")
    left, right = drawn[0].axes
    assert (left.get_ylim()[1], right.get_ylim()[0]) == (100, 0)
    assert left.get_xlim()[0] == right.get_xlim()[0] == 0 and drawn[0].get_size_inches()[0] <= PAGE
    (legend,) = drawn[0].legends
    names = [text.get_text() for text in legend.get_texts()]
    assert sorted(names) == sorted(["the teacher's cost", *(f"{name}-{n}" for n in range(students))])
    markers = {line.get_marker() for line in left.lines if line.get_marker() in "osD^vP*X"}
    assert len(markers) == students  # told apart without colour
    assert legend.get_window_extent().x1 <= drawn[0].bbox.width
