"""Fetch the files of a corpus from its publisher into the folder that `--source` expects.

Downloads wait in `.NAME.fetching` beside that folder and survive an interruption; the folder itself
appears whole, once the corpus can be opened from it.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synthcli.atomic_files import new_folder
from synthcli.data.corpora import Corpus
from synthcli.data.corpora.homes import find_home, is_filled, list_homes
from synthcli.data.fetch.archives import unpack_archive
from synthcli.data.fetch.checksums import verify_checksum
from synthcli.data.fetch.download import download
from synthcli.data.fetch.remote_files import PUBLISHED, Remote
from synthcli.disk import guard_write
from synthcli.errors import SynthError, WorkFailedError
from synthcli.progress import Progress

THEN = "give the same command again: it goes on where it stopped"


@dataclass(frozen=True)
class Fetched:
    """Where the files of a corpus are, and whether they were there before."""

    home: Path
    is_old: bool


def fetch_corpus(corpus: Corpus, to: Path | None, report: Progress) -> Fetched:
    """Return the folder of a corpus, its files fetched where they are not there yet."""
    remotes = list_remote_files(corpus)
    home = to or find_home(corpus.name) or list_homes(corpus.name)[0]
    if is_filled(home):
        return Fetched(home, is_old=True)
    work = home.with_name(f".{home.name}.fetching")
    with (
        guard_write(f"`{home}`", home, "give another folder with `--to`", THEN),
        _hold_downloads(work),
    ):
        for remote in remotes:
            _obtain(remote, work, home, report)
        _arrange(corpus, remotes, work, home)
        shutil.rmtree(work)
    return Fetched(home, is_old=False)


def list_remote_files(corpus: Corpus) -> tuple[Remote, ...]:
    """Return what the publisher of a corpus offers; some corpora cannot be fetched file by file."""
    if corpus.builtin:
        raise SynthError(
            f"`{corpus.name}` is built in: there is nothing to fetch", f"`synth prepare-corpus {corpus.name}`"
        )
    if corpus.name not in PUBLISHED:
        raise SynthError(
            f"`{corpus.name}` has no files that `synth` could fetch by itself",
            f"`--source` of `synth prepare-corpus {corpus.name}` reads {corpus.layout}",
        )
    return PUBLISHED[corpus.name]


def _obtain(remote: Remote, work: Path, home: Path, report: Progress) -> None:
    """Have one file of a publisher among the downloads, and verified; one put there by hand counts too."""
    path = work / remote.into / remote.name
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path if path.exists() else download(remote.url, path, report)
    verify_checksum(part, remote, home)
    part.replace(path)


def _arrange(corpus: Corpus, remotes: tuple[Remote, ...], work: Path, home: Path) -> None:
    """Unpack archives, move plain files, and give the folder its name if the corpus opens from it."""
    with new_folder(home) as folder:
        for remote in remotes:
            path = work / remote.into / remote.name
            target = folder / remote.into
            target.mkdir(parents=True, exist_ok=True)
            if remote.folder is not None:
                unpack_archive(path, remote.folder, target)
            else:
                link_or_copy(path, target / remote.name)
        try:
            corpus.open(folder)
        except SynthError as error:
            raise WorkFailedError(
                f"the files fetched for `{corpus.name}` are not as expected: {error.message}", error.hint
            ) from error


def link_or_copy(path: Path, target: Path) -> None:
    """Give a download a second name, so that it is still there if something fails; else copy it."""
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)


@contextmanager
def _hold_downloads(work: Path) -> Iterator[None]:
    """Hold a folder of downloads against a second process; a process that dies lets go of it."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SynthError(f"another process is fetching into `{work}`", "wait until it is done") from error
        yield
