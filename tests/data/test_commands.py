"""`synth prepare-corpus` and `synth corpora`, as typed."""

import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from synthcli.cli import corpora, prepare_corpus
from synthcli.data.corpora import CORPORA
from synthcli.errors import SynthError
from tests.data.small import ag_news, multi30k

app = typer.Typer()
app.command("prepare-corpus")(prepare_corpus.prepare_corpus)
app.add_typer(corpora.app, name="corpora")


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTH_STORES", str(tmp_path / "stores"))
    monkeypatch.setattr("signal.signal", lambda *what: None)
    return tmp_path / "stores"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def refused(*words: str) -> str:
    with pytest.raises(SynthError) as error:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    return str(error.value)


def test_a_store_is_written_then_found(stores: Path, tmp_path: Path) -> None:
    source = str(multi30k(tmp_path / "data"))
    words = ["prepare-corpus", "multi30k", "--source", source, "--tokenizer", "bytes"]
    first = run(*words)
    (path,) = stores.iterdir()
    assert first.stdout.splitlines()[0].strip() == "multi30k with bytes, 260 ids"
    assert f"wrote `{path}`" in first.stderr.replace("\n", "")
    following = f"synth train wmt14-vanilla --scale hour --source {source} --set data.corpus=multi30k"
    assert f"next: `{following} --set data.tokenizer.kind=bytes`" in first.stderr
    second = run(*words, "--json")
    (data,) = json.loads(second.stdout)
    assert data["path"] == str(path)
    assert data["splits"]["train"]["rows"] == 20
    assert "prepared before; `--force` prepares it again" in second.stderr.replace("\n", " ")


def test_what_is_not_as_expected_is_said(stores: Path, tmp_path: Path) -> None:
    source = str(ag_news(tmp_path / "data"))
    said = run("prepare-corpus", "ag-news", "--source", source, "--vocab-size", "600").stderr
    said = " ".join(said.split())
    assert "pieces; 600 were asked for" in said
    assert "note: there is no validation split, and the store has none" in said


def test_corpora_are_listed_and_shown() -> None:
    assert [corpus["name"] for corpus in json.loads(run("corpora", "ls", "--json").stdout)] == list(CORPORA)
    assert "stdlib-code" in run("corpora").stdout
    shown = " ".join(run("corpora", "show", "lm1b").stdout.split())
    assert "train 30,301,028" in shown
    assert "billion-word-benchmark/lm1b" in shown


def test_an_unknown_corpus(stores: Path) -> None:
    assert refused("prepare-corpus", "copi") == "unknown corpus `copi`\nhint: did you mean `copy`?"
    assert refused("corpora", "show", "lm1") == "unknown corpus `lm1`\nhint: did you mean `lm1b`?"
    assert not stores.exists()


def test_an_unknown_tokenizer(stores: Path) -> None:
    message = refused("prepare-corpus", "copy", "--tokenizer", "byte")
    assert message == "unknown tokenizer `byte`\nhint: did you mean `bytes`?"


def test_a_vocabulary_too_small(stores: Path) -> None:
    message = refused("prepare-corpus", "copy", "--vocab-size", "10")
    assert message == (
        "wrong options for `bytes`: `vocab_size = 10`, but `bytes` has 260 ids: raise it or leave it out\n"
        "hint: see `synth prepare-corpus --help`"
    )


def test_one_source_for_two_corpora(stores: Path, tmp_path: Path) -> None:
    message = refused("prepare-corpus", "multi30k", "lm1b", "--source", str(tmp_path))
    assert message == "`--source` belongs to one corpus, and several are named\nhint: prepare them one by one"
    assert not stores.exists()
