"""`synth eval`: one table of several checkpoints, splits by their other names, JSON as it is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from synthcli.cli.results import format_number, show_results
from synthcli.evaluation.result import Figure, Result

from .conftest import Synth, only


def figure(name: str, value: float) -> Figure:
    return Figure(name, value, (value - 1, value + 1), f"protocol of {name}", "", False)


RESULT = Result(
    metric="perplexity",
    figures=(figure("perplexity", 3), figure("bits_per_byte", 1.5)),
    samples=5,
    split_size=5,
    limit=None,
    corpus="copy",
    split="test",
    store="a",
    checkpoint="one",
    step=1,
    options={},
)


def test_several_checkpoints_make_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(RESULT, checkpoint="two", figures=(figure("perplexity", 2e7),), store="b", notes=("odd",))
    show_results([RESULT, other])
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()] == [
        ["copy,", "test:", "5", "examples"],
        ["figure", "checkpoint", "value", "95", "%", "interval"],
        ["perplexity", "one", "3.00", "2.00", "–", "4.00"],
        ["perplexity", "two", "2.00e+07", "2.00e+07", "–", "2.00e+07"],
        ["bits_per_byte", "one", "1.50", "0.50", "–", "2.50"],
        ["figure", "protocol"],
        ["perplexity", "protocol", "of", "perplexity"],
        ["bits_per_byte", "protocol", "of", "bits_per_byte"],
    ]
    assert err == (
        "note: two: odd\n"
        "note: `perplexity` counts tokens of different tokenizers here, and does not compare\n"
        "evaluated `one` in 0.0 s\nevaluated `two` in 0.0 s\n"
    )


def test_other_texts_make_other_tables(capsys: pytest.CaptureFixture[str]) -> None:
    show_results([RESULT, replace(RESULT, split="validation"), replace(RESULT, samples=3, split_size=3)])
    out, _ = capsys.readouterr()
    assert [line.rstrip() for line in out.splitlines() if line.startswith("copy")] == [
        "copy, test",
        "copy, validation: 5 examples",
    ]
    assert ["perplexity", "one", "3", "3.00", "2.00", "–", "4.00"] in [
        line.split() for line in out.splitlines()
    ]


def test_a_figure_is_as_long_as_it_is_read() -> None:
    assert [format_number(value) for value in (0.125, 999_999, 3.2e20)] == ["0.12", "999999.00", "3.20e+20"]


@pytest.mark.slow
@pytest.mark.parametrize("split", ["dev", "val", "valid", "validation"])
def test_validation_has_several_names(split: str, synth: Synth, evaluated: Path) -> None:
    said = synth("eval", "accuracy", "tiny", "--split", split, "--limit", "2", "--beam", "1", "--json")
    assert said.code == 0, said.err
    assert [result["split"] for result in json.loads(said.out)] == ["validation"]


def test_steps_of_a_run_are_told_apart(synth: Synth, evaluated: Path) -> None:
    words = ("accuracy", "tiny", "tiny/step-00000003", "--limit", "2", "--beam", "1")
    said = synth("eval", *words)
    assert said.code == 0, said.err
    rows = [line.split()[:2] for line in said.out.splitlines()[2:4]]
    assert rows == [["exact_match", "tiny/step-00000006"], ["exact_match", "tiny/step-00000003"]]
    results = json.loads(synth("eval", *words, "--json").out)
    assert [(result["step"], result["samples"]) for result in results] == [(6, 2), (3, 2)]


def test_what_is_written_is_kept_beside_the_result_and_scored_again(synth: Synth, evaluated: Path) -> None:
    said = synth("eval", "bleu", "tiny", "--limit", "3", "--json")
    assert said.code == 0, said.err
    (result,) = json.loads(said.out)
    path = evaluated / "results" / "bleu.reverse.test.step-00000006.beam-2.limit-3.outputs.jsonl"
    assert result["outputs"] == path.name
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert [line["references"] for line in lines] == [[line["source"][::-1]] for line in lines] and len(
        lines
    ) == 3
    said = synth("eval", "bleu", "--from", str(path), "--json")
    assert said.code == 0, said.err
    (again,) = json.loads(said.out)
    assert (again["figures"], again["notes"]) == (result["figures"], result["notes"])
    assert (again["checkpoint"], again["outputs"]) == (str(path), None)
    said = synth("eval", "bleu", "tiny", "--limit", "2", "--no-save-outputs", "--json")
    assert json.loads(said.out)[0]["outputs"] is None
    assert [path.name] == [file.name for file in path.parent.glob("*.outputs.jsonl")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("perplexity", "--from", "x"), "`perplexity` is not of texts, and `--from` scores texts"),
        (
            ("bleu", "tiny", "--from", "x"),
            "`--from` scores what is written already, and a checkpoint is named",
        ),
        (("bleu", "--from", "x", "--beam", "2"), "`--beam` has no meaning for `--from`"),
        (("bleu", "--from", "x", "--no-save-outputs"), "`--no-save-outputs` has no meaning for `--from`"),
        (("bleu", "--from", "x"), "`x` cannot be read: no such file or directory"),
        (("bleu", "--from", "."), "`.` cannot be read: is a directory"),
    ],
)
def test_what_has_no_meaning_beside_outputs_is_refused(
    words: tuple[str, ...], message: str, synth: Synth, here: Path
) -> None:
    said = synth("eval", *words)
    assert said.code == 2 and said.err.splitlines()[0] == f"error: {message}"
    assert said.err.splitlines()[1].startswith("hint: ") and list(here.iterdir()) == []


@pytest.fixture
def evaluated(synth: Synth, tiny: str, here: Path) -> Path:
    """A run with checkpoints after 3 and 6 steps."""
    said = synth("train", tiny)
    assert said.code == 0, said.err
    return only(here, "tiny")
