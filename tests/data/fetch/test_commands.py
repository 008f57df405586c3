"""`synth corpora` and its `fetch`, `pack` and `unpack`, as typed."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from synthcli.cli import corpora, prepare_corpus
from synthcli.data.fetch.remote_files import PUBLISHED, Remote
from synthcli.errors import SynthError
from tests.data.fetch.server import Server
from tests.data.fetch.test_archives import tree
from tests.data.small import multi30k

app = typer.Typer()
app.command("prepare-corpus")(prepare_corpus.prepare_corpus)
app.add_typer(corpora.app, name="corpora")


@pytest.fixture(autouse=True)
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *what: None)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def refused(*words: str) -> str:
    with pytest.raises(SynthError) as error:
        run(*words)
    return str(error.value)


def described(name: str) -> dict[str, object]:
    return dict(json.loads(run("corpora", "show", name, "--json").stdout))


def test_where_a_corpus_is(root: Path) -> None:
    assert described("multi30k")["present"] is None
    assert described("multi30k")["expected"] == [str(root / "multi30k")]
    assert "6 file(s); checksums published for 6" in run("corpora", "show", "multi30k").stdout
    assert "`synth corpora fetch multi30k`" in run("corpora", "show", "multi30k").stderr
    multi30k(root / "multi30k")
    assert described("multi30k")["present"] == str(root / "multi30k")
    assert "`synth prepare-corpus multi30k`" in run("corpora", "show", "multi30k").stderr
    listed = {corpus["name"]: corpus for corpus in json.loads(run("corpora", "ls", "--json").stdout)}
    assert listed["multi30k"]["task"] == "seq2seq"
    assert listed["copy"]["expected"] == []
    assert [name for name, corpus in listed.items() if corpus["present"]] == ["multi30k"]


def test_fetch_pack_unpack_prepare(
    root: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tree(multi30k(tmp_path / "publisher"))
    remotes = tuple(
        Remote(server.add(f"/{name}", data), f"sha256:{hashlib.sha256(data).hexdigest()}")
        for name, data in files.items()
    )
    monkeypatch.setitem(PUBLISHED, "multi30k", remotes)
    said = run("corpora", "fetch", "multi30k").stderr
    assert f"wrote `{root / 'multi30k'}`" in said
    assert "next: `synth prepare-corpus multi30k`" in said
    assert "fetched before; remove it to fetch it again" in run("corpora", "fetch", "multi30k").stderr

    pack = tmp_path / "multi30k.tar.zst"
    said = run("corpora", "pack", "multi30k", "-o", str(pack)).stderr
    assert f"wrote `{pack}`: {len(files)} files of the corpus `multi30k`" in said
    shutil.rmtree(root)
    said = run("corpora", "unpack", str(pack)).stderr
    assert f"wrote `{root / 'multi30k'}`: {len(files)} files of the corpus `multi30k`" in said
    assert tree(root / "multi30k") == files
    server.pages.clear()

    said = " ".join(run("prepare-corpus", "multi30k", "--tokenizer", "bytes").stderr.split())
    assert f"note: read from `{root / 'multi30k'}`; `--source` names another folder" in said


def test_a_store_goes_to_another_machine(root: Path, tmp_path: Path) -> None:
    stores = tmp_path / "stores"
    run("prepare-corpus", "copy", "--tokenizer", "bytes")
    (store,) = stores.glob("copy.*")
    whole = {name: data for name, data in tree(store).items() if not name.startswith(".")}
    pack = tmp_path / "copy.tar.gz"
    assert "of the store `copy.bytes-260`" in run("corpora", "pack", store.name, "-o", str(pack)).stderr
    shutil.rmtree(store)
    assert f"wrote `{store}`" in run("corpora", "unpack", str(pack)).stderr
    assert tree(store) == whole
    assert "prepared before" in run("prepare-corpus", "copy", "--tokenizer", "bytes").stderr.replace(
        "\n", " "
    )


def test_a_broken_store_is_not_packed(root: Path, tmp_path: Path) -> None:
    run("prepare-corpus", "copy", "--tokenizer", "bytes")
    (store,) = (tmp_path / "stores").glob("copy.*")
    next(store.glob("train/*.arrow")).unlink()
    assert "which its manifest names" in refused("corpora", "pack", str(store), "-o", str(tmp_path / "x.tar"))
    assert not (tmp_path / "x.tar").exists()


def test_mistakes(root: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "x.tar")
    assert refused("corpora", "fetch", "enwik") == "unknown corpus `enwik`\nhint: did you mean `enwik8`?"
    assert refused("corpora", "fetch", "imdb", "lm1b", "--to", out) == (
        "`--to` belongs to one corpus, and several are named\nhint: fetch them one by one"
    )
    assert "`copy` is built in: there is nothing to fetch" in refused("corpora", "fetch", "enwik8", "copy")
    assert refused("corpora", "pack", "enwik", "-o", out) == (
        "`enwik` is neither a corpus nor a store\nhint: did you mean `enwik8`?"
    )
    assert refused("corpora", "pack", "enwik8", "-o", out) == (
        "the files of `enwik8` are not here\n"
        "hint: `synth corpora fetch enwik8`, or name their folder with `--source`"
    )
    assert "`copy` is built in and has no files" in refused("corpora", "pack", "copy", "-o", out)
    assert refused("corpora", "unpack", out) == (
        f"there is no pack `{out}`\nhint: `synth corpora pack NAME -o FILE` makes one"
    )
    (tmp_path / "wrong").mkdir()
    source = str(tmp_path / "wrong")
    assert "lacks" in refused("corpora", "pack", "multi30k", "--source", source, "-o", out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wrong"]
