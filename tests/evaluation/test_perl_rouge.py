"""ROUGE as ROUGE-1.5.5 prints it: its figures and intervals, its generator of random numbers, its stems."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from synthcli.errors import SynthError
from synthcli.evaluation.perl_rouge import FIGURES, PerlTokenizer, draw_places, perl_rouge, round_f
from synthcli.evaluation.perl_stems import make_stemmer, read_stems

from .written_texts import OUTPUTS, REFERENCES

# what ROUGE-1.5.5.pl -n 2 [-m] -z SPL prints of these texts, run by perl 5.36: Average_F and its interval
RECORDED = {
    "": ((0.65863, 0.57489, 0.73084), (0.48644, 0.40393, 0.56944), (0.64890, 0.56476, 0.72249)),
    " -m": ((0.66170, 0.57876, 0.73379), (0.48744, 0.40483, 0.57025), (0.65019, 0.56648, 0.72320)),
}
# int(rand(200)) of perl after srand(seed), eight times
DRAWN = {
    0: [34, 149, 19, 174, 115, 157, 138, 73],
    1: [8, 90, 166, 67, 113, 0, 37, 198],
    7: [53, 136, 53, 25, 98, 59, 31, 144],
    999: [20, 127, 160, 185, 155, 107, 118, 82],
}
# word: its stem by `stem` of the script; those marked * are other ones by rouge-score's stemmer
STEMS = {
    "agreement": "agreem",  # *
    "congressional": "congress",
    "apology": "apolog",
    "happily": "happili",
    "flies": "fli",
    "running": "run",
    "relational": "relat",
    "caresses": "caress",
    "hopping": "hop",
    "complimenting": "complim",  # *
    "commissioner": "commiss",
    "4money": "4monei",  # *
}
EXCEPTIONS = {"adj": "", "adv": "", "noun": "women woman\nchildren child\n", "verb": "ran run\n"}


def by_line(texts: list[str]) -> list[str]:
    """Return texts of several sentences."""
    return [text.replace(" , ", "\n") for text in texts]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of the script's data, with four exceptions."""
    folder = tmp_path / "data" / "WordNet-2.0-Exceptions"
    folder.mkdir(parents=True)
    for name, text in EXCEPTIONS.items():
        (folder / f"{name}.exc").write_text(text)
    return folder.parent


@pytest.mark.parametrize("option", RECORDED)
def test_figures_and_intervals_are_those_of_the_script(option: str, data: Path) -> None:
    stem = read_stems(data) if option else None
    for kind, recorded in zip(FIGURES, RECORDED[option], strict=True):
        score = perl_rouge("x", kind, by_line(OUTPUTS), by_line(REFERENCES), stem)
        interval = score.sampled.interval(5, 3) or (0, 0)
        assert [f"{value:.3f}" for value in (score.value, *interval)] == [f"{100 * v:.3f}" for v in recorded]
        assert score.signature == f"ROUGE-1.5.5|-n 2{option}|ids:1-60"


def test_places_are_drawn_as_perl_draws_them() -> None:
    drawn = np.array(list(islice(draw_places(200), 8)))
    assert {seed: drawn[:, seed].tolist() for seed in DRAWN} == DRAWN


def test_f_is_rounded_where_the_script_rounds() -> None:
    assert round_f(0, 0) == 0 and round_f(1, 1) == 1
    assert round_f(2 / 3, 2 / 11) == 0.28572  # of 0.66667 and 0.18182; 2/7 is 0.28571


def test_stems_are_those_of_the_script() -> None:
    stem = make_stemmer()
    assert {word: stem(word) for word in STEMS} == STEMS


def test_exceptions_come_before_stems_and_short_words_have_none(data: Path) -> None:
    for folder in (data, data / "WordNet-2.0-Exceptions"):
        tokens = PerlTokenizer(read_stems(folder)).tokenize("Women ran; CHILDREN's café-tables — running!")
        assert tokens == ["woman", "ran", "child", "s", "caf", "tabl", "run"]  # `ran` has three letters
    assert PerlTokenizer().tokenize("A\u212a b") == ["a", "b"]  # no capital of ASCII, which `lower` makes `k`


def test_a_folder_without_exceptions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as refused:
        read_stems(tmp_path)
    assert str(refused.value) == (
        f"`{tmp_path}` holds no `adj.exc`: it is not the folder `data` of ROUGE-1.5.5\n"
        "hint: name the folder that holds `WordNet-2.0-Exceptions` of that release"
    )
