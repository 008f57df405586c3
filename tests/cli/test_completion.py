"""Completion, through typer's own interface: what a shell offers, and that it never sees a message."""

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from synthcli.cli import app, completion
from synthcli.cli.completion import make_completer

from .conftest import Synth


def offered(*words: str) -> list[str]:
    """Return what bash gets for the last of some words."""
    variables = {
        "_SYNTH_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("synth", *words)),
        "COMP_CWORD": str(len(words)),
    }
    result = CliRunner().invoke(app, [], env=variables)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout.split()


OFFERED = {
    ("tra",): ["train"],
    ("corpora", "pa"): ["pack"],
    ("train", "wmt14-de"): ["wmt14-dense"],
    ("train", "x", "--scale", ""): ["smoke", "hour", "day", "paper"],
    ("plan", "x", "wmt14-dense-v"): ["wmt14-dense-vanilla"],
    ("presets", "cp", "wmt14-de"): ["wmt14-dense"],
    ("presets", "ls", "--paper", "s"): ["synthesizer", "simplified-blocks", "srupp"],
    ("eval", "p"): ["perplexity"],
    ("score", "--task", "s"): ["summarisation"],
    ("score", "--protocol", "bleu-c"): ["bleu-char", "bleu-compound"],
    ("eval", "t"): ["teacher-agreement"],
    ("eval", "bleu", "--split", "v"): ["validation"],
    ("prepare-corpus", "multi"): ["multi30k"],
    ("corpora", "show", "enw"): ["enwik8"],
    ("finetune", "x", "--corpus", "ag"): ["ag-news"],
    ("finetune", "x", "--task", "c"): ["causal-lm", "classification"],
    ("export", "--to", ""): ["hf", "onnx", "torch", "safetensors"],
    ("import", "--from", "sr"): ["srupp"],
    ("distill-block", "--mixer", "fa"): ["factorized-dense", "factorized-random"],
    ("distill-block", "--criterion", "ce"): ["ce-scores", "ce-logits"],
    ("heal", "--preset", "bert-heal-no"): [],
    ("tokenizer", "train", "--kind", "word"): ["wordpiece", "words"],
    ("train", "x", "--resu"): ["--resume"],
    ("eval", "bleu", "--device", "cu"): ["cuda", "cuda:0"],
    ("reproduce", "--device", ""): ["auto", "cpu", "cuda"],
}


@pytest.mark.parametrize("words", OFFERED, ids=" ".join)
def test_what_is_offered(words: tuple[str, ...], here: Path) -> None:
    found = offered(*words)
    assert found == [word for word in found if word.startswith(words[-1])]
    assert [word for word in OFFERED[words] if word not in found] == []


def test_runs_and_stores_are_offered(here: Path) -> None:
    run, store = "20261121-090412-8f3a", "reverse.bytes-260"
    for path in (here / "runs" / "tiny" / run / "preset.toml", here / "stores" / store / "manifest.json"):
        path.parent.mkdir(parents=True)
        path.touch()
    for words in (("eval", "bleu"), ("export",), ("generate",), ("finetune",), ("runs", "show"), ("probe",)):
        assert offered(*words, "") == ["tiny", run], words
    assert offered("heal", "--teacher", run[:6]) == [run]
    for words in (("quality",), ("stores", "rm"), ("tokenizer", "inspect"), ("corpora", "pack")):
        assert store in offered(*words, ""), words


def test_closed_sets_are_those_that_are_accepted() -> None:
    from synthcli.compress.probe.probe_layer import REPLACEMENTS
    from synthcli.data.corpora import SPLITS
    from synthcli.data.prepare.executors import EXECUTORS
    from synthcli.data.tokenizers import TOKENIZERS
    from synthcli.evaluation.measure import METRICS
    from synthcli.evaluation.rouge import TOKENIZERS as ROUGE_TOKENIZERS
    from synthcli.exporters import EXPORTERS
    from synthcli.importers.origins import ORIGINS
    from synthcli.jobs.compare.equal import Equal
    from synthcli.model import TASKS
    from synthcli.runs.trackers import TRACKERS

    sets = {
        "ENGINES": EXECUTORS,
        "EQUAL": get_args(Equal),
        "FORMATS": EXPORTERS,
        "METRICS": METRICS,
        "ORIGINS": ORIGINS,
        "ROUGE_TOKENIZERS": ROUGE_TOKENIZERS,
        "SPLITS": SPLITS,
        "TASKS": TASKS,
        "TOKENIZERS": TOKENIZERS,
        "TRACKERS": TRACKERS,
    }
    assert completion.list_replacements() == list(REPLACEMENTS)
    assert {name: sorted(getattr(completion, name)) for name in sets} == {
        name: sorted(words) for name, words in sets.items()
    }


def test_what_cannot_be_told_is_not_offered(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> list[str]:
        sys.stdout.write("a word of a library")
        raise OSError("a disk that is gone")

    assert make_completer(fails, ("a", "b\n", "ab"))("a") == ["a", "ab"]
    assert capsys.readouterr() == ("", "")
    (here / "runs").write_text("no folder")
    monkeypatch.setenv("SYNTH_STORES", "/proc/self/mem")
    assert offered("eval", "bleu", "") == [] and offered("quality", "") == []


ODD: list[dict[str, str]] = [
    {},
    {"RANK": "7", "COMP_WORDS": "synth tra", "COMP_CWORD": "1"},
    {"COMP_WORDS": "synth tra", "COMP_CWORD": "x"},
    {"COMP_WORDS": 'synth train "', "COMP_CWORD": "2"},
    {"_SYNTH_COMPLETE": "complete_nothing"},
]


@pytest.mark.parametrize("variables", ODD)
def test_a_shell_sees_no_message(
    variables: dict[str, str], synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ({"_SYNTH_COMPLETE": "complete_bash"} | variables).items():
        monkeypatch.setenv(name, value)
    said = synth()
    assert said.err == "" and said.code in (0, 1) and "Error" not in said.out


def test_completion_loads_nothing_large(tmp_path: Path) -> None:
    words = "synth eval bleu --teacher "
    variables = {"_SYNTH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "4"}
    program = (
        "import sys; sys.argv = ['synth']\n"
        "from synthcli.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'datasets', 'pyarrow', 'transformers', 'accelerate'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
