"""Shapes that people's own data have: each is prepared, trained on and evaluated, or its hints lead there."""

import gzip
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from synthcli.data.corpora import find_corpus

from .conftest import Synth

SETTINGS = """\
extends = "PRESET"
title = "A model for tests"
[model]
d_model = 16
d_ff = 16
[model.mixer]
heads = 2
STACKS
[data]
corpus = 'CORPUS'
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 8
[training]
steps = 1
evaluate_every = 1
save_every = 1
precision = "fp32"
[training.schedule]
kind = "constant"
peak = 1e-3
warmup_steps = 1
"""
PRESETS = {
    "text": ("lm1b-vanilla", ["decoder"], "perplexity"),
    "labelled": ("agnews-vanilla", ["encoder"], "accuracy"),
    "scored": ("agnews-vanilla", ["encoder"], "correlation"),
    "pairs": ("wmt14-vanilla", ["encoder", "decoder"], "accuracy"),
}
ROWS = range(60)
NAMES = ("good", "bad", "so so")
CLASSES = {f"intent {number:02} of a long list": number for number in range(70)}
ODD = ("Government/Politics", "Arts, Culture", "R+D", 'say "when"', "a:b=c", "#1\\2")
BILL = [
    {
        "id": number,
        "instruction": f"Name {number} uses of a clip.",
        "input": "" if number % 2 else "in an office",
        "output": f"It holds {number} pages.",
        "meta": {"tags": [NAMES[number % 3], "paper"]},
    }
    for number in ROWS
]


def table(*header: str, separator: str = ",", end: str = "\n", cell: Callable[[int], str] = str) -> str:
    """Return a table of a text and one of three classes."""
    rows = [f"{cell(number)}{separator}{NAMES[number % 3]}" for number in ROWS]
    return end.join([separator.join(header), *rows, ""])


def quoted(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


@dataclass(frozen=True)
class Shape:
    """Files, how their corpus is named at first, and how after all hints; `splits` are its rows then."""

    files: dict[str, str | bytes]
    corpus: str
    source: str
    becomes: str = ""
    hints: int = 0
    rows: int = len(ROWS)
    kind: str = "labelled"


LABEL = "csv:label=label"
REVIEW = "csv:text=review,label=mood"
ODD_TEXT = 'text="what, in your words, happened?"'
LONG = " ".join(f"word {number} of a book without line ends," for number in range(400))
LINES = "\n".join(map(json.dumps, BILL))
PYTHON = ("train.py", "tests/test_model.py", "dev/training_utils.py", "model.py")
ODD_TABLE = "\n".join(
    ['"what, in your words, happened?",kind/branch']
    + [f"it went {number} ways,{quoted(ODD[number % 6])}" for number in ROWS]
)
MANY = "\n".join(["text,label", *(f"case {row} of {name},{name}" for row in range(4) for name in CLASSES)])
SORTED = "\n".join(["text,label", *(f"no {n},neg" for n in ROWS), *(f"yes {n},pos" for n in ROWS)])
BARE = table("text", "label", separator="\t", cell=lambda n: f'"a" said {n}"')
CAFE = table("review", "mood", cell=lambda n: f"Café {n} – it’s open and naïve").encode("cp1252")
WIDE = table("text", "label", cell=lambda n: f"größer als {n}").encode("utf-16")
CYRILLIC = "".join(f"текст номер {number} о том, что было\n" for number in ROWS).encode("cp1251")

SHAPES: dict[str, Shape] = {
    "columns of other names": Shape(
        {"a.csv": table("review", "mood", cell="film {}".format)},
        LABEL,
        "a.csv",
        "csv:label=mood,text=review",
        1,
    ),
    "columns by number": Shape(
        {"a.csv": table("1", "good")}, "csv:header=no,text=1,label=2", "a.csv", rows=61
    ),
    "a pipe between columns": Shape(
        {"a.csv": table("text", "label", separator="|")}, LABEL, "a.csv", f"{LABEL},separator=pipe", 1
    ),
    "any character between columns": Shape(
        {"a.csv": table("text", "label", separator="¦")}, f"{LABEL},separator=¦", "a.csv"
    ),
    "tabs and quotes that are none": Shape({"a.tsv": BARE}, LABEL, "a.tsv", f"{LABEL},quoting=no", 1),
    "carriage returns alone": Shape({"a.csv": table("text", "label", end="\r")}, LABEL, "a.csv"),
    "letters of Windows": Shape({"a.csv": CAFE}, REVIEW, "a.csv", f"{REVIEW},encoding=cp1252", 1),
    "UTF-16": Shape({"a.csv": WIDE}, LABEL, "a.csv", f"{LABEL},encoding=utf-16", 1),
    "Cyrillic, packed": Shape(
        {"a.txt.gz": gzip.compress(CYRILLIC)}, "text", "a.txt.gz", "text:encoding=cp1251", 1, kind="text"
    ),
    "an array of objects": Shape(
        {"a.json": json.dumps(BILL, indent=2)}, "jsonl", "a.json", "jsonl:text=instruction", 1, kind="text"
    ),
    "an array on one line, nested": Shape(
        {"a.json": json.dumps(BILL)}, "jsonl:text=output,label=meta.tags.0,classes=all", "a.json"
    ),
    "an object that holds the array": Shape(
        {"a.json": json.dumps({"version": 1, "data": BILL}, indent=1)},
        "jsonl:text=output,score=id",
        "a.json",
        "jsonl:text=output,score=id,records=data",
        1,
        kind="scored",
    ),
    "json lines": Shape({"a.jsonl": LINES}, "jsonl:text=instruction,score=id", "a.jsonl", kind="scored"),
    "several fields in a template": Shape(
        {"a.jsonl": LINES},
        r'jsonl:source="{instruction}\n{input}, {id}",target=output',
        "a.jsonl",
        kind="pairs",
    ),
    "many classes": Shape({"a.csv": MANY}, LABEL, "a.csv", rows=280),
    "classes in a file": Shape(
        {"a.csv": table("text", "label"), "kinds.txt": "bad\nso so\n\ngood\n"},
        f"{LABEL},classes=@kinds.txt",
        "a.csv",
    ),
    "odd names of classes and columns": Shape(
        {"a.csv": ODD_TABLE}, f"csv:{ODD_TEXT},label=kind/branch", "a.csv"
    ),
    "odd names that are guessed": Shape(
        {"a.csv": ODD_TABLE}, LABEL, "a.csv", f"csv:label=kind/branch,{ODD_TEXT}", 1
    ),
    "classes one after the other": Shape({"a.csv": SORTED}, LABEL, "a.csv", rows=120),
    "a file of train and one of test": Shape(
        {
            f"d/{split}.csv": table("text", "label", cell=f"{split} {{}}".format)
            for split in ("train", "test")
        },
        LABEL,
        "d",
        rows=120,
    ),
    "names that speak of some splits": Shape(
        {"d/train.txt": LONG.replace(",", "\n"), "d/more.txt": "one\ntwo\n"},
        "text",
        "d",
        "text:splits=none",
        1,
        402,
        "text",
    ),
    "a tree of code": Shape(
        {f"code/{name}": f"# {name}\n\n{table('import', name)}" for name in PYTHON},
        "text",
        "code/**/*.py",
        rows=4 * 63,
        kind="text",
    ),
    "a line as long as a book": Shape({"a.txt": LONG}, "text", "a.txt", "text", 1, 200, "text"),
    "two files side by side": Shape(
        {"talks.de": "eins\nzwei\n" * 30, "talks.en": "".join(f"one {n}\n" for n in ROWS)},
        "parallel:source=de,target=en",
        "talks",
        kind="pairs",
    ),
    "rows that are all the same": Shape(
        {"a.json": json.dumps([BILL[0]] * 20)},
        "jsonl:text=output",
        "a.json",
        "jsonl:text=output,split=kept",
        1,
        20,
        "text",
    ),
}


def follow(hint: str, corpus: str, source: str) -> tuple[str, str]:
    """Do what a hint says, as a shell would: another name of the corpus, or a command that writes a file."""
    (written,) = re.findall(r"`('?(?:text|csv|jsonl|parallel)\b.*|[a-z]+ -.*)`", hint)
    words = shlex.split(written)
    if len(words) == 1:
        return words[0], source
    subprocess.run(["sh", "-c", written], check=True, timeout=60)
    return corpus, words[-1]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_shape_trains_and_is_evaluated(shape: Shape, here: Path, synth: Synth) -> None:
    for name, content in shape.files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    corpus, source = shape.corpus, shape.source
    for _ in range(shape.hints):
        said = synth("prepare-corpus", corpus, "--source", source, "--tokenizer", "bytes")
        assert said.code == 2 and "publisher" not in said.err and not (here / "stores").exists(), said
        corpus, source = follow(said.err.partition("hint: ")[2].strip(), corpus, source)
    assert corpus == (shape.becomes or shape.corpus)
    said = synth("prepare-corpus", corpus, "--source", source, "--tokenizer", "bytes", "--json")
    assert said.code == 0, said.err
    assert "publisher" not in said.err
    (store,) = json.loads(said.out)
    assert (store["corpus"], store["kind"]) == (corpus, shape.kind)
    assert sum(split["rows"] for split in store["splits"].values()) == shape.rows
    assert re.fullmatch(r"[a-z0-9.-]+", Path(store["path"]).name) and len(Path(store["path"]).name) < 60
    preset, stacks, metric = PRESETS[shape.kind]
    parts = "\n".join(f"[model.{stack}]\nlayers = 1\nmax_length = 24" for stack in stacks)
    if shape.kind == "scored":
        parts += '\n[model.head]\noutput = "regression"\n[evaluation]\nmetrics = ["correlation"]'
    text = SETTINGS.replace("PRESET", preset).replace("STACKS", parts).replace("CORPUS", corpus)
    (here / "tiny.toml").write_text(text)
    trained = synth("train", "tiny.toml", "--source", source)
    assert trained.code == 0, trained.err
    evaluated = synth("eval", metric, "--json")
    assert evaluated.code == 0, evaluated.err
    (result,) = json.loads(evaluated.out)
    assert (result["store"], result["corpus"]) == (store["hash"], corpus)
    assert len([path for path in (here / "stores").iterdir() if path.name[0] != "."]) == 1


CASES = {
    "20_long_classes.csv": LABEL,
    "77_classes.csv": LABEL,
    "array_of_objects.json": "jsonl",
    "array_one_line.json": "jsonl",
    "bare_quotes.tsv": LABEL,
    "cp1252.csv": LABEL,
    "cr_only.csv": LABEL,
    "pipe.csv": LABEL,
    "slash_comma_names.csv": LABEL,
    "sorted_labels.csv": LABEL,
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_hints_lead_a_file_that_failed_before_to_a_store(
    case: str, shared: Path, here: Path, synth: Synth
) -> None:
    if not (shared / "cases" / case).is_file():
        pytest.skip(f"no `cases/{case}` in `{shared}`")
    corpus, source = CASES[case], str(shared / "cases" / case)
    for _ in range(4):
        said = synth("prepare-corpus", corpus, "--source", source, "--tokenizer", "bytes")
        if said.code == 0:
            break
        assert "publisher" not in said.err
        corpus, source = follow(said.err.partition("hint: ")[2].strip(), corpus, source)
    assert said.code == 0, said.err
    assert (find_corpus(corpus).kind == "labelled") == (CASES[case] == LABEL)
    assert source == str(shared / "cases" / case)
