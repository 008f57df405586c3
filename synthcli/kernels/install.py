"""Put built libraries into a folder: one build at a time, and none of it half done."""

import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthcli.kernels.places import BY_OTHERS, FILES
from synthcli.kernels.report import FILE, BuildReport, as_text, read_report

UNFINISHED = ".unfinished-"
LOCK = ".lock"


@contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """Yield an empty folder inside another, alone there; remove what killed builds left."""
    target.mkdir(parents=True, exist_ok=True)
    keep_others_out(target)
    with hold_file_lock(target / LOCK):
        for leftover in target.glob(UNFINISHED + "*"):
            shutil.rmtree(leftover, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=target))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def hold_file_lock(path: Path) -> Iterator[None]:
    """Hold a file's lock, which ends with the process whatever ends it."""
    import fcntl  # absent where there is no POSIX, and nothing is compiled

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(work: Path, target: Path, report: BuildReport) -> None:
    """Move what was built to its folder, the report last; a library of the same sources stays till replaced.

    Between a report and libraries of other sources there is a moment without any report: never a false one.
    """
    previous = read_report(target)
    if previous and previous.sources != report.sources:
        (target / FILE).unlink()
        previous = None
    for kind, part in report.parts.items():
        file = FILES[kind]
        if part.is_built:
            keep_others_out(work / file)
            (work / file).replace(target / file)
        elif previous and previous.parts[kind].is_built and (target / file).is_file():
            report = report.but({kind: previous.parts[kind]})
        else:
            (target / file).unlink(missing_ok=True)
    (work / FILE).write_text(as_text(report), encoding="utf-8")
    keep_others_out(work / FILE)
    (work / FILE).replace(target / FILE)


def keep_others_out(path: Path) -> None:
    """Let nobody else write there, whatever the umask: what others may write is not loaded."""
    mode = path.stat().st_mode
    if mode & BY_OTHERS:
        path.chmod(stat.S_IMODE(mode & ~BY_OTHERS))
