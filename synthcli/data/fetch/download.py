"""Download one file over HTTP: what an interrupted download left is continued, never mixed.

A download is written to `NAME.part`. It is continued by `Range` where the server named the version of
what it sent (`ETag`, else `Last-Modified`, kept in `NAME.part.version`) and `If-Range` finds the same one:
a file that changed meanwhile starts anew, and so does one of a server without ranges.
"""

import re
import time
from contextlib import suppress
from pathlib import Path

import httpx2 as http  # the client that the Hugging Face hub's library uses: same proxies, same certificates

from synthcli import __version__
from synthcli.atomic_files import sync
from synthcli.errors import WorkFailedError
from synthcli.progress import Progress

"""Called with a file's name, bytes done, and bytes in all where they are known."""

TRIES = 5  # in a row that bring nothing
SECONDS_BEFORE_ANOTHER = 1.0  # doubled with every failure
SECONDS_OF_SILENCE = 30.0
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that may differ a moment later
RANGE_ENDED = 416


class BrokenOffError(Exception):
    """A download ended early for a reason that may pass."""


def download(url: str, path: Path, report: Progress) -> Path:
    """Download to `path.part` and return it; raises where the server refuses or stays away."""
    part = path.with_name(path.name + ".part")
    failures = 0
    with http.Client(follow_redirects=True, timeout=SECONDS_OF_SILENCE, headers=_request_headers()) as client:
        while True:
            before = _file_size(part)
            try:
                _receive(client, url, part, path.name, report)
                break
            except (BrokenOffError, http.TransportError) as error:
                failures = 1 if _file_size(part) > before else failures + 1
                if failures == TRIES:
                    raise _unreachable(url, path, error) from error
                time.sleep(SECONDS_BEFORE_ANOTHER * 2 ** (failures - 1))
    _version_path(part).unlink(missing_ok=True)
    sync(part)
    return part


def _request_headers() -> dict[str, str]:
    return {"Accept-Encoding": "identity", "User-Agent": f"synth/{__version__}"}


def _receive(client: http.Client, url: str, part: Path, name: str, report: Progress) -> None:
    """Ask for what is missing and append it; what cannot be continued starts anew."""
    done, version = _file_size(part), _read_version(part)
    asked = {"Range": f"bytes={done}-", "If-Range": version} if done and version else {}
    with client.stream("GET", url, headers=asked) as answer:
        _check_length(answer, url, part)
        if answer.status_code != http.codes.PARTIAL_CONTENT:
            done = 0
        elif _first_byte(answer) != done:
            _remove_partial(part)
            raise BrokenOffError(f"it sent another part of the file than bytes from {done}")
        _keep_version(answer, part)
        length = answer.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with part.open("ab" if done else "wb") as stream:
            for block in answer.iter_raw():  # as it comes, so that what came before a break is kept
                stream.write(block)
                done += len(block)
                report(name, done, total)


def _check_length(answer: http.Response, url: str, part: Path) -> None:
    """Raise unless the server sends the file: passing trouble, or a refusal that is final."""
    if answer.is_success:
        return
    status = f"{answer.status_code} {answer.reason_phrase}".strip()
    if answer.status_code == RANGE_ENDED:
        _remove_partial(part)
        raise BrokenOffError(status)
    if answer.status_code in PASSING:
        raise BrokenOffError(status)
    raise WorkFailedError(f"`{url}` answers {status}", _by_hand(part.with_suffix("")))


def _first_byte(answer: http.Response) -> int | None:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _keep_version(answer: http.Response, part: Path) -> None:
    """Note which version of the file is being received; a weak `ETag` does not promise equal bytes."""
    tag = answer.headers.get("ETag", "")
    version = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
    _version_path(part).write_text(version)


def _read_version(part: Path) -> str:
    with suppress(FileNotFoundError):
        return _version_path(part).read_text()
    return ""


def _version_path(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _remove_partial(part: Path) -> None:
    """Forget what was received."""
    part.unlink(missing_ok=True)
    _version_path(part).unlink(missing_ok=True)


def _file_size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _unreachable(url: str, path: Path, error: Exception) -> WorkFailedError:
    """Say that a server stays away, and how to get the file without it."""
    reason = str(error) or type(error).__name__
    return WorkFailedError(
        f"could not download `{url}`: {reason}",
        f"check the connection (HTTPS_PROXY names a proxy) and give the command again; or {_by_hand(path)}",
    )


def _by_hand(path: Path) -> str:
    return f"get the file elsewhere, put it at `{path}`, and give the command again"
