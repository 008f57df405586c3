"""`synth prepare-corpus` and `synth corpora`, as typed."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from synthcli.cli import corpora, prepare_corpus
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


def run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Return what a command writes to its two streams."""
    CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return capfd.readouterr()


def refused(*words: str) -> str:
    with pytest.raises(SynthError) as error:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    return str(error.value)


def test_a_store_is_written_and_found(
    stores: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = str(multi30k(tmp_path / "data"))
    words = ["prepare-corpus", "multi30k", "--source", source, "--tokenizer", "bytes"]
    CliRunner().invoke(app, words, catch_exceptions=False)
    (path,) = stores.iterdir()
    assert path.name.startswith("multi30k.bytes-260.")
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert stores.is_dir()


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
