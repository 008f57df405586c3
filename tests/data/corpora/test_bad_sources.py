"""What is wrong with a source is said in one message that names the file and the place."""

import gzip
from pathlib import Path

import pytest

from synthcli.data.corpora import CORPORA
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.errors import SynthError
from tests.data.small import BYTES, ag_news, multi30k, wikitext, write


def refused(corpus: str, source: Path, root: Path) -> SynthError:
    """Return the error of a preparation that must fail and leave nothing."""
    with pytest.raises(SynthError) as error:
        prepare_store(corpus, BYTES, root, source)
    assert not root.exists()
    assert error.value.exit_code == 2
    return error.value


def test_a_source_that_does_not_exist(tmp_path: Path) -> None:
    error = refused("multi30k", tmp_path / "none", tmp_path / "stores")
    assert error.message == f"the source `{tmp_path / 'none'}` does not exist"
    assert error.hint == f"expected {CORPORA['multi30k'].layout}"


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = multi30k(tmp_path / "data")
    (folder / "val.de.gz").unlink()
    (folder / "test_2016_flickr.en").unlink()
    error = refused("multi30k", folder, tmp_path / "stores")
    assert error.message == f"`{folder}` lacks `val.de` and `test_2016_flickr.en` of `multi30k`"
    assert error.hint == (
        "expected `train`, `val` and `test_2016_flickr`, each as `.en` and `.de`, plain or .gz,"
        " from `data/task1/raw` of https://github.com/multi30k/dataset"
    )


@pytest.mark.parametrize("name", [name for name, corpus in CORPORA.items() if not corpus.builtin])
def test_an_empty_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    error = refused(name, tmp_path / "data", tmp_path / "stores")
    assert error.message.startswith(f"`{tmp_path / 'data'}` lacks ")
    assert error.message.endswith(f" of `{name}`")
    assert error.hint == f"expected {CORPORA[name].layout}"


def test_two_files_for_one_split(tmp_path: Path) -> None:
    for name in ("train.a.en", "train.b.en", "train.a.de"):
        write(tmp_path / "data" / name, ["text"])
    error = refused("wmt14-en-de", tmp_path / "data", tmp_path / "stores")
    assert error.message == (
        f"`{tmp_path / 'data'}` holds several files for `train.*.en`: `train.a.en`, `train.b.en`"
    )


def test_unequal_parallel_files(tmp_path: Path) -> None:
    folder = multi30k(tmp_path / "data")
    write(folder / "train.de.gz", ["Zeile"] * 17)
    error = refused("multi30k", folder, tmp_path / "stores")
    assert error.message == (
        "`train.de.gz` ends before line 18, and `train.en` goes on: parallel files need equally many lines"
    )
    assert error.hint == f"compare them from line 18: `{folder / 'train.de.gz'}` and `{folder / 'train.en'}`"


@pytest.mark.parametrize(("name", "where"), [("train.en", ""), ("train.de.gz", " once unpacked")])
def test_invalid_utf8(name: str, where: str, tmp_path: Path) -> None:
    folder = multi30k(tmp_path / "data")
    content = b"\xef\xbb\xbf" + "Straße\n".encode() * 3 + b"Stra\xdfe\n"
    (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    error = refused("multi30k", folder, tmp_path / "stores")
    assert error.message == f"`{folder / name}` is not UTF-8 at byte 31{where}"
    assert error.hint == "convert it to UTF-8, or take the publisher's copy"
    assert content[31:32] == b"\xdf"


def test_a_truncated_gz(tmp_path: Path) -> None:
    folder = multi30k(tmp_path / "data")
    path = folder / "train.de.gz"
    path.write_bytes(path.read_bytes()[:-12])
    error = refused("multi30k", folder, tmp_path / "stores")
    assert error.message == (
        f"`{path}` is truncated or damaged: compressed file ended before the end-of-stream marker was reached"
    )
    assert error.hint == "fetch it again from its publisher, or check it with `gzip -t`"


def test_a_gz_that_is_none(tmp_path: Path) -> None:
    folder = multi30k(tmp_path / "data")
    (folder / "train.de.gz").write_bytes(b"Zeile\n")
    error = refused("multi30k", folder, tmp_path / "stores")
    assert error.message == f"`{folder / 'train.de.gz'}` is truncated or damaged: not a gzipped file (b'ze')"


@pytest.mark.parametrize(("lines", "what"), [([], "is empty"), (["", " "], "holds blank rows only")])
def test_an_empty_split(lines: list[str], what: str, tmp_path: Path) -> None:
    folder = wikitext(tmp_path / "data", lines)
    error = refused("wikitext-2", folder, tmp_path / "stores")
    assert error.message == f"the split `train` of `wikitext-2` {what}"


def test_a_record_with_too_few_fields(tmp_path: Path) -> None:
    folder = ag_news(tmp_path / "data")
    write(folder / "train.csv", ['"1","a","b"', '"2","a"'])
    error = refused("ag-news", folder, tmp_path / "stores")
    assert error.message == f"`{folder / 'train.csv'}` has 2 fields at line 2, expected 3"


def test_an_unknown_class(tmp_path: Path) -> None:
    folder = ag_news(tmp_path / "data")
    write(folder / "train.csv", ['"1","a","b"', '"5","a","b"'])
    error = refused("ag-news", folder, tmp_path / "stores")
    assert error.message == f"`{folder / 'train.csv'}` has class `5` at line 2, expected 1 to 4"


def test_quotes_that_never_close(tmp_path: Path) -> None:
    folder = ag_news(tmp_path / "data")
    write(folder / "train.csv", ['"1","a","b"', '"2","a","b'])
    error = refused("ag-news", folder, tmp_path / "stores")
    assert error.message == f"`{folder / 'train.csv'}` is no csv at line 2: unexpected end of data"


def test_raw_files_belong_to_another_corpus(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        write(tmp_path / f"data/wiki.{split}.raw", ["text"])
    error = refused("wikitext-2", tmp_path / "data", tmp_path / "stores")
    assert error.message == f"`{tmp_path / 'data'}` lacks `wiki.train.tokens` of `wikitext-2`"
    assert error.hint == "expected `wikitext-2-raw` for files that end in `.raw`"


def test_a_csv_without_articles(tmp_path: Path) -> None:
    write(tmp_path / "data/train.csv", ["id,title", "1,a"])
    error = refused("cnn-dailymail", tmp_path / "data", tmp_path / "stores")
    assert error.message == (
        f"`{tmp_path / 'data/train.csv'}` has no column `article` or `text` among id, title"
    )


def test_a_source_without_its_target(tmp_path: Path) -> None:
    write(tmp_path / "data/train.source", ["a"])
    error = refused("cnn-dailymail", tmp_path / "data", tmp_path / "stores")
    assert error.message == f"`{tmp_path / 'data'}` lacks `train.target` of `cnn-dailymail`"


def test_broken_json(tmp_path: Path) -> None:
    write(tmp_path / "data/a.train.0.json", ["[", '{"src": }', "]"])
    error = refused("cnn-dailymail", tmp_path / "data", tmp_path / "stores")
    assert error.message == (f"`{tmp_path / 'data/a.train.0.json'}` is no json at line 2: expecting value")
