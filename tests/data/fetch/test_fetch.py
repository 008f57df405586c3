"""A corpus is fetched whole and verified, or what is there stays for the next time."""

import errno
import fcntl
import hashlib
import json
import re
from pathlib import Path

import pytest

from synthcli import disk
from synthcli.data.corpora import CORPORA, find_corpus
from synthcli.data.corpora.c4 import C4
from synthcli.data.corpora.homes import HOMES, find_home, list_homes
from synthcli.data.fetch import fetch_corpus as module
from synthcli.data.fetch.fetch_corpus import fetch_corpus
from synthcli.data.fetch.remote_files import C4_AT, PUBLISHED, Remote
from synthcli.errors import SynthError, WorkFailedError
from synthcli.progress import no_progress
from tests.data.fetch.server import Server
from tests.data.fetch.test_archives import tar_of, tree
from tests.data.small import ag_news

CSV = b'"1","Title","Words of it"\n"2","Other","More words"\n'


def publish(
    monkeypatch: pytest.MonkeyPatch, server: Server, checksum: str | None = None, data: bytes = CSV
) -> None:
    """Let `ag-news` be two files of the server."""
    remotes = tuple(
        Remote(server.add(f"/{name}", data), checksum, into="") for name in ("train.csv", "test.csv")
    )
    monkeypatch.setitem(PUBLISHED, "ag-news", remotes)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_files_are_fetched_then_found(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server, f"sha256:{sha256(CSV)}")
    fetched = fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert (fetched.home, fetched.is_old) == (root / "ag-news", False)
    assert tree(root / "ag-news") == {"test.csv": CSV, "train.csv": CSV}
    assert sorted(path.name for path in root.iterdir()) == ["ag-news", "ag-news.fetched.json"]
    asked = len(server.seen)
    assert fetch_corpus(find_corpus("ag-news"), None, no_progress).is_old
    assert len(server.seen) == asked
    source = find_corpus("ag-news").open()
    assert len(list(source.read("train"))) == 2
    assert source.notes[-1] == f"read from `{root / 'ag-news'}`; `--source` names another folder"


def test_an_archive_is_laid_out_as_source_expects(
    root: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        f"aclImdb/{split}/{label}/0_1.txt": b"film" for split in ("train", "test") for label in ("neg", "pos")
    }
    data = tar_of(tmp_path / "x.tar.gz", {**files, "aclImdb/README": b"read", "junk/y": b"no"}).read_bytes()
    remote = Remote(server.add("/aclImdb_v1.tar.gz", data), f"md5:{hashlib.md5(data).hexdigest()}", "aclImdb")
    monkeypatch.setitem(PUBLISHED, "imdb", (remote,))
    home = fetch_corpus(find_corpus("imdb"), tmp_path / "elsewhere", no_progress).home
    assert set(tree(home)) == {name.removeprefix("aclImdb/") for name in files} | {"README"}
    assert not root.exists()


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_wrong_checksum(
    root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    expected = hashlib.new(algorithm, b"other").hexdigest()
    publish(monkeypatch, server, f"{algorithm}:{expected}")
    with pytest.raises(WorkFailedError) as error:
        fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert error.value.message == (
        f"`{server.url}/train.csv` has the {algorithm} {hashlib.new(algorithm, CSV).hexdigest()},"
        f" it ought to have {expected}: it is not kept"
    )
    assert find_home("ag-news") is None
    assert not [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"]


def test_the_first_fetch_is_remembered(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server)
    fetch_corpus(find_corpus("ag-news"), None, no_progress)
    record = root / "ag-news.fetched.json"
    entry = {"bytes": len(CSV), "sha256": sha256(CSV)}
    assert json.loads(record.read_text())[f"{server.url}/train.csv"] == entry
    for path in (root / "ag-news").iterdir():
        path.unlink()
    changed = CSV + CSV
    publish(monkeypatch, server, data=changed)
    with pytest.raises(WorkFailedError) as error:
        fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert sha256(CSV) in error.value.message
    assert sha256(changed) in error.value.message
    assert f"delete `{record}`" in error.value.hint
    record.unlink()
    fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert (root / "ag-news" / "train.csv").read_bytes() == changed


def test_a_second_fetch_goes_on(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server)
    page = server.pages.pop("/test.csv")
    with pytest.raises(WorkFailedError, match="404"):
        fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert find_home("ag-news") is None
    server.pages["/test.csv"] = page
    fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert [path for path, _ in server.seen] == ["/train.csv", "/test.csv", "/test.csv"]


def test_a_file_put_there_by_hand_counts(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server, f"sha256:{sha256(CSV)}")
    del server.pages["/test.csv"]
    with pytest.raises(WorkFailedError) as error:
        fetch_corpus(find_corpus("ag-news"), None, no_progress)
    found = re.search(r"put it at `([^`]+)`", error.value.hint)
    assert found is not None
    Path(found[1]).write_bytes(CSV)
    fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert set(tree(root / "ag-news")) == {"train.csv", "test.csv"}


def test_files_of_another_layout(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, "ag-news", (Remote(server.add("/train.csv", CSV)),))
    with pytest.raises(
        WorkFailedError, match=r"fetched for `ag-news` are not as expected: .* lacks `test\.csv`"
    ):
        fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert find_home("ag-news") is None


def test_a_full_disk(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server)

    def full(*what: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "link_or_copy", full)
        patch.setattr(disk, "free", lambda folder: 7)
        with pytest.raises(WorkFailedError) as error:
            fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert (
        error.value.message
        == f"`{root / 'ag-news'}` could not be written: the disk of `{root}` is full, 7 bytes free"
    )
    assert "goes on where it stopped" in error.value.hint
    assert find_home("ag-news") is None
    fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert len(server.seen) == 2


def test_two_at_once(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, server)
    (root / ".ag-news.fetching").mkdir(parents=True)
    with (root / ".ag-news.fetching" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SynthError, match="another process is fetching into"):
            fetch_corpus(find_corpus("ag-news"), None, no_progress)
    assert not server.seen


@pytest.mark.parametrize("record", ["{", "[]", '{"x": 1}'])
def test_a_broken_record(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    publish(monkeypatch, server)
    root.mkdir()
    (root / "ag-news.fetched.json").write_text(record)
    with pytest.raises(SynthError, match=r"ag-news\.fetched\.json` (cannot be read|is no record)"):
        fetch_corpus(find_corpus("ag-news"), None, no_progress)


def test_what_cannot_be_fetched(root: Path) -> None:
    with pytest.raises(SynthError, match="`copy` is built in: there is nothing to fetch"):
        fetch_corpus(find_corpus("copy"), None, no_progress)
    with pytest.raises(SynthError) as error:
        fetch_corpus(find_corpus("wmt14-en-fr"), None, no_progress)
    assert error.value.message == "`wmt14-en-fr` has no files that `synth` could fetch by itself"
    assert "`newstest2014`" in error.value.hint


def test_a_folder_by_its_publishers_name_is_found(root: Path) -> None:
    ag_news(root / "ag_news_csv")
    assert find_home("ag-news") == root / "ag_news_csv"
    source = find_corpus("ag-news").open()
    assert {path.parent for path in source.files} == {root / "ag_news_csv"}


def test_an_empty_folder_is_none(root: Path) -> None:
    (root / "ag-news").mkdir(parents=True)
    (root / "ag-news" / ".hidden").touch()
    assert find_home("ag-news") is None
    assert [home.name for home in list_homes("text")] == []


def test_the_table_is_sound() -> None:
    assert set(PUBLISHED) | set(HOMES) <= set(CORPORA)
    assert C4.hub is not None and C4.hub.revision in C4_AT
    lengths = {"sha256": 64, "md5": 32}
    for name, remotes in PUBLISHED.items():
        urls = [remote.url for remote in remotes]
        assert len({remote.into + "/" + remote.name for remote in remotes}) == len(set(urls)) == len(urls), (
            name
        )
        for remote in remotes:
            assert remote.url.startswith(("https://", "http://mattmahoney.net/")), remote
            if remote.checksum is not None:
                algorithm, _, digits = remote.checksum.partition(":")
                assert re.fullmatch("[0-9a-f]+", digits) and len(digits) == lengths[algorithm], remote
