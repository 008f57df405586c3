"""Sizes that Table 2 of Synthesizer prints: the formula counts as the models do, and README says the rest."""

import re
from pathlib import Path

import pytest

from benchmarks.printed_sizes import PRINTED, VARIANTS, Shape, best, differences, tables
from synthcli.presets import load_preset
from synthcli.presets.sizes import measure_model

FAMILIES = {"wmt14": "translation", "lm1b": "language model"}
README = (Path(__file__).parents[2] / "presets" / "README.md").read_text()
BASE = Shape()


def learning(name: str) -> int:
    return measure_model(load_preset(name).model.model_dump_json()).trainable


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_formula_counts_what_the_model_has(family: str, variant: str) -> None:
    shape = Shape(encoder=256 if family == "wmt14" else 0, learned=True, biases=True)
    words = load_preset(f"{family}-{variant}").model.vocab_size * 512
    assert shape.size(variant) + words == learning(f"{family}-{variant}")


HIDDEN = [
    ("narrow", 'input="model", hidden=64'),
    ("wide", 'input="model"'),
    ("none", 'input="model", hidden=0'),
]


@pytest.mark.parametrize(("hidden", "options"), HIDDEN)
@pytest.mark.parametrize("kind", ["dense", "factorized-dense"])
def test_other_hidden_layers_are_counted_too(hidden: str, options: str, kind: str) -> None:
    scores = f'model.mixer.scores=[{{kind="{kind}", {options}}}]'
    model = load_preset("wmt14-dense", None, None, [scores]).model
    shape = Shape(hidden=hidden, learned=True, biases=True)  # type: ignore[arg-type]
    assert shape.size(kind) + 32_000 * 512 == measure_model(model.model_dump_json()).trainable


def test_seven_rows_of_translation_are_those_of_one_base_transformer() -> None:
    rows, words = best(tables(BASE, dict(zip(VARIANTS, PRINTED["translation"], strict=True))))
    assert set(VARIANTS) - set(rows) == {"random-dense", "dense-vanilla"}
    assert [round(end / 512) for end in words] == [44_404, 44_470]
    assert "one table of 44,404 to 44,470 words" in README


@pytest.mark.parametrize("kind", PRINTED)
def test_a_score_is_printed_with_sizes_that_exclude_each_other(kind: str) -> None:
    bounds: dict[str, tuple[float, float]] = {}
    for score, _, (low, high) in differences(kind):
        lowest, highest = bounds.get(score, (low, high))
        bounds[score] = max(low, lowest), min(high, highest)
    clashing = {score for score, (low, high) in bounds.items() if low >= high}
    assert clashing == ({"dense"} if kind == "translation" else {"random"})


def test_the_table_holds_what_presets_have() -> None:
    rows = re.findall(r"^\| ([a-z-]+) \|((?: [\d.]+ \|){6})$", README, flags=re.MULTILINE)
    assert [variant for variant, _ in rows] == list(VARIANTS)
    for place, (variant, line) in enumerate(rows):
        said = [float(cell) for cell in line.rstrip("|").split("|")]
        for column, (family, kind) in enumerate(FAMILIES.items()):
            printed, counted = PRINTED[kind][place], learning(f"{family}-{variant}") / 1e6
            expected = [printed, round(counted, 1), round(printed - counted, 1)]
            assert said[3 * column : 3 * column + 3] == expected, (variant, family)
