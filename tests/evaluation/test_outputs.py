"""Texts a model wrote: a line each, read again to the same figures, bad lines named."""

import json
from pathlib import Path

import pytest

from synthcli.errors import SynthError
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.outputs import FORM, SCORERS, Outputs, read_outputs, samples_to_lines, score_metric
from synthcli.evaluation.result import Figure
from synthcli.jobs.evaluate.outputs import score_file

CONFIG = EvaluationConfig(metrics=("bleu",))
OUTPUTS = Outputs(
    sources=["eins\u2028zwei", None, "drei"],
    references=[("the cat sat on the mat .",), ("a dog\nbarks at me now",), ("nothing here is alike",)],
    hypotheses=["the cat sat on a mat .", "a dog\nbarks at me now", ""],
)


def written(path: Path, *lines: object) -> Path:
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


@pytest.mark.parametrize("metric", SCORERS)
def test_outputs_are_read_as_they_were_written(metric: str, tmp_path: Path) -> None:
    scores = score_metric(metric, OUTPUTS, CONFIG)
    path = tmp_path / "x.jsonl"
    path.write_text(samples_to_lines(OUTPUTS, scores[0]), encoding="utf-8")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert [list(row) for row in rows] == [["source", "references", "hypothesis", "score"]] * 3
    most = 1000 if metric == "cider" else 100
    assert [row["score"] for row in rows[1:]] == [most, 0] and 0 <= rows[0]["score"] < most
    found = score_file(path, metric, None, None)
    assert found.figures == tuple(Figure.of(one, CONFIG.bootstrap, CONFIG.seed) for one in scores)
    assert found.figures[0].protocol == scores[0].protocol
    assert (found.samples, found.split_size, found.limit) == (3, 3, None)


def test_the_first_lines_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", *[{"reference": "a", "hypothesis": h} for h in "aabb"])
    found = score_file(path, "accuracy", None, 3)
    assert (found.figures[0].value, found.samples, found.split_size) == (pytest.approx(200 / 3), 3, 4)


def test_bleu_takes_several_references(tmp_path: Path) -> None:
    both = ["the cat sat on the mat", "a cat was on the mat"]
    path = written(tmp_path / "x.jsonl", {"references": both, "hypothesis": both[1]})
    bleu = score_file(path, "bleu", None, None).figures[0]
    assert bleu.value == pytest.approx(100) and bleu.signature.startswith("nrefs:2|")
    with pytest.raises(SynthError) as error:
        score_file(path, "rouge", None, None)
    assert error.value.message == "`rouge` compares with one reference, and there are 2"
    assert error.value.hint == "`synth eval bleu` takes several"


GOOD = {"references": ["a"], "hypothesis": "a"}


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ([GOOD, "{", GOOD], "line 2: expecting property name enclosed in double quotes"),
        ([GOOD, "", GOOD], "line 2: empty"),
        (["3"], "line 1: no JSON object"),
        ([{"hypothesis": "a"}], "line 1: `references` is no list of texts"),
        ([{"references": [], "hypothesis": "a"}], "line 1: `references` is no list of texts"),
        ([{"references": ["a"]}], "line 1: `hypothesis` is no text"),
        ([GOOD, {"references": ["a", "b"], "hypothesis": ""}], "line 2: 2 references, and 1 before"),
        (["[]"] * 5, f"{'; '.join(f'line {n}: no JSON object' for n in (1, 2, 3))}; 2 more"),
    ],
)  # fmt: skip
def test_bad_lines_are_named(lines: list[object], what: str, tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", *lines)
    with pytest.raises(SynthError) as error:
        read_outputs(path)
    assert (error.value.message, error.value.hint) == (f"`{path}` cannot be scored: {what}", FORM)


def test_a_file_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(SynthError, match=r"x.jsonl` holds no line"):
        read_outputs(written(tmp_path / "x.jsonl"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SynthError, match=r"x.jsonl` cannot be read: no such file or directory"):
        read_outputs(tmp_path / "x.jsonl")
