"""A download arrives whole whatever the server does, or is refused with what to do."""

import socket
from pathlib import Path

import pytest

from synthcli.data.fetch import download as module
from synthcli.data.fetch.download import download
from synthcli.errors import WorkFailedError
from synthcli.progress import no_progress
from tests.data.fetch.server import Server

DATA = bytes(range(256)) * 4_000  # about a megabyte


def got(url: str, folder: Path) -> bytes:
    part = download(url, folder / "file", no_progress)
    assert part == folder / "file.part"
    assert sorted(path.name for path in folder.iterdir()) == ["file.part"]
    return part.read_bytes()


def test_bytes_arrive_and_progress_is_told(server: Server, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    part = download(server.add("/file", DATA), tmp_path / "file", lambda *what: told.append(what))
    assert part.read_bytes() == DATA
    assert told[-1] == ("file", len(DATA), len(DATA))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_what_broke_off_is_continued(server: Server, tmp_path: Path) -> None:
    url = server.add("/file", DATA, breaks_at=[300_000, 200_000])
    assert got(url, tmp_path) == DATA
    first, second, third = server.ranges_asked()
    assert (first, second, third) == (None, "bytes=300000-", "bytes=500000-")


def test_a_later_process_continues_it(server: Server, tmp_path: Path) -> None:
    url = server.add("/file", DATA, breaks_at=[300_000], statuses=[])
    server.pages["/file"].breaks_at += [0] * module.TRIES
    with pytest.raises(WorkFailedError, match="could not download"):
        download(url, tmp_path / "file", no_progress)
    assert (tmp_path / "file.part").stat().st_size == 300_000
    server.pages["/file"].breaks_at = []
    assert got(url, tmp_path) == DATA
    assert server.ranges_asked()[-1] == "bytes=300000-"


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    assert got(server.add("/file", DATA, ranges=False, breaks_at=[300_000]), tmp_path) == DATA


def test_a_file_that_changed_meanwhile_is_never_mixed(server: Server, tmp_path: Path) -> None:
    url = server.add("/file", DATA, breaks_at=[300_000] + [0] * module.TRIES)
    with pytest.raises(WorkFailedError):
        download(url, tmp_path / "file", no_progress)
    changed = DATA[::-1]
    server.add("/file", changed, version='"2"')
    assert got(url, tmp_path) == changed


@pytest.mark.parametrize("version", [None, 'W/"1"'])
def test_without_a_version_that_promises_equal_bytes_it_starts_anew(
    server: Server, tmp_path: Path, version: str | None
) -> None:
    assert got(server.add("/file", DATA, version=version, breaks_at=[300_000]), tmp_path) == DATA
    assert server.ranges_asked() == [None, None]


def test_a_range_that_begins_elsewhere_is_not_appended(server: Server, tmp_path: Path) -> None:
    assert got(server.add("/file", DATA, breaks_at=[300_000], shifted=7), tmp_path) == DATA
    assert server.ranges_asked() == [None, "bytes=300000-", None]


def test_a_part_longer_than_the_file_starts_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(DATA + b"more")
    (tmp_path / "file.part.version").write_text('"1"')
    assert got(server.add("/file", DATA), tmp_path) == DATA
    assert server.ranges_asked() == [f"bytes={len(DATA) + 4}-", None]


def test_silence_is_not_waited_for_for_ever(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_OF_SILENCE", 0.3)
    assert got(server.add("/file", DATA, silent_at=[300_000]), tmp_path) == DATA
    assert server.ranges_asked() == [None, "bytes=300000-"]


def test_redirects_are_followed(server: Server, tmp_path: Path) -> None:
    server.add("/moved", DATA)
    assert got(server.add("/file", redirect="/moved"), tmp_path) == DATA


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    assert got(server.add("/file", DATA, statuses=[status, status]), tmp_path) == DATA
    assert len(server.seen) == 3


def test_a_file_that_is_not_there(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WorkFailedError) as error:
        download(server.url + "/gone", tmp_path / "file", no_progress)
    assert str(error.value) == (
        f"`{server.url}/gone` answers 404 Not Found\n"
        f"hint: get the file elsewhere, put it at `{tmp_path / 'file'}`, and give the command again"
    )
    assert len(server.seen) == 1
    assert not list(tmp_path.iterdir())


def test_no_network(server: Server, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/file"
        with pytest.raises(WorkFailedError) as error:
            download(url, tmp_path / "file", no_progress)
    assert error.value.exit_code == 1
    assert error.value.message.startswith(f"could not download `{url}`: ")
    assert "refused" in error.value.message
    assert f"put it at `{tmp_path / 'file'}`" in error.value.hint


def test_a_proxy_of_the_environment_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.pages["http://nowhere.invalid/file"] = server.pages[
        server.add("/x", DATA).removeprefix(server.url)
    ]
    assert got("http://nowhere.invalid/file", tmp_path) == DATA
    assert [path for path, _ in server.seen] == ["http://nowhere.invalid/file"]
