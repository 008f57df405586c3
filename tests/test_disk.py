"""One message for whatever the system, or a library, says of a write; and its trial before any work."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from safetensors import SafetensorError
from safetensors.torch import load_file

from synthcli import disk
from synthcli.atomic_files import save_picture, save_tensors
from synthcli.disk import as_os_error, guard_write, refuse_unwritable
from synthcli.errors import SynthError, WorkFailedError

ELSEWHERE = "name another with `-o`"
SAID = {
    errno.ENOSPC: ("the disk of `{0}` is full, 7 bytes free", "free space there, or {1}"),
    errno.EDQUOT: ("your share of the disk of `{0}` is used up", "remove files of yours there, or {1}"),
    errno.EFBIG: ("a file in `{0}` would be larger than allowed", "raise `ulimit -f`, or {1}"),
    errno.EROFS: ("the disk of `{0}` can only be read", "mount it to be written, or {1}"),
    errno.EACCES: ("nothing may be written in `{0}`", "make it writable, or {1}"),
    errno.EPERM: ("nothing may be written in `{0}`", "make it writable, or {1}"),
    errno.EIO: ("the disk of `{0}` does not work as it should", "see what `dmesg` says of it, or {1}"),
    errno.ENOLCK: ("the disk of `{0}` has no locks", "mount it with locks, or {1}"),
    errno.EMFILE: ("too many files are open", "allow more with `ulimit -n`"),
    errno.ENAMETOOLONG: ("a name in `{0}` would be too long", "choose a shorter one, or {1}"),
    errno.ENOENT: ("there is no `{0}/new`", "see where it has gone, or {1}"),
    errno.ESTALE: ("`{0}` has gone from its server", "mount it again, or {1}"),
    errno.EXDEV: ("Invalid cross-device link", "{1}"),
}


def full(*what: object, **more: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("number", SAID, ids=errno.errorcode.get)
def test_every_error_of_the_system_has_its_message_and_its_hint(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free", lambda folder: 7)
    why, helps = (text.format(tmp_path, ELSEWHERE) for text in SAID[number])
    with (
        pytest.raises(WorkFailedError) as caught,
        guard_write("model `x`", tmp_path / "new" / "x", ELSEWHERE, "begin again"),
    ):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"model `x` could not be written: {why}\nhint: {helps}, then begin again"


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkFailedError) as caught, guard_write("it", tmp_path / "file" / "x"):
        (tmp_path / "file" / "x").mkdir()
    assert str(caught.value) == (
        f"it could not be written: `{tmp_path / 'file'}` is no folder\n"
        "hint: move it away, then give the same command again"
    )
    with pytest.raises(WorkFailedError) as caught, guard_write("it", tmp_path / "file"):
        (tmp_path / "file").mkdir()
    assert caught.value.message == f"it could not be written: `{tmp_path / 'file'}` is there already"


@pytest.mark.parametrize(
    "said", ["I/O error: No space left on device (os error 28)", "Os { code: 28, kind: }"]
)
def test_a_library_s_error_is_one_of_the_system(said: str) -> None:
    found = as_os_error(SafetensorError(f"Error while serializing: {said}"))
    assert isinstance(found, OSError) and found.errno == errno.ENOSPC


def test_an_error_that_is_not_of_the_system_stays(tmp_path: Path) -> None:
    error = SafetensorError("InvalidHeader")
    assert as_os_error(error) is error
    with pytest.raises(FileNotFoundError):
        save_tensors(tmp_path / "none" / "x", {"a": torch.zeros(1)})


def test_a_place_is_tried_before_the_work_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("kept")
    for target in (tmp_path, tmp_path / "file", tmp_path / "new" / "deep"):
        refuse_unwritable(target, ELSEWHERE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(SynthError) as caught:
        refuse_unwritable(tmp_path / "file" / "x", ELSEWHERE)
    assert (caught.value.exit_code, str(caught.value)) == (
        2,
        (
            f"`{tmp_path / 'file' / 'x'}` cannot be written: `{tmp_path / 'file'}` is no folder\n"
            f"hint: move it away, or {ELSEWHERE}"
        ),
    )
    monkeypatch.setattr(disk, "free", lambda folder: 7)
    monkeypatch.setattr(disk, "TemporaryFile", full)
    with pytest.raises(SynthError) as caught:
        refuse_unwritable(tmp_path / "new" / "deep", ELSEWHERE)
    assert str(caught.value) == (
        f"`{tmp_path / 'new' / 'deep'}` cannot be written: the disk of `{tmp_path}` is full, 7 bytes free\n"
        f"hint: free space there, or {ELSEWHERE}"
    )


def test_what_is_needed_is_compared_with_what_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free", lambda folder: 5 * 2**20)
    refuse_unwritable(tmp_path / "x", ELSEWHERE, 5 * 2**20)
    with pytest.raises(SynthError) as caught:
        refuse_unwritable(tmp_path / "x", ELSEWHERE, 6 * 2**20)
    assert caught.value.message == (
        f"`{tmp_path / 'x'}` cannot be written: "
        f"the disk of `{tmp_path}` is full, 5.0 MiB free, 6.0 MiB needed"
    )
    monkeypatch.setattr(disk, "free", lambda folder: None)  # a disk that does not tell
    refuse_unwritable(tmp_path / "x", ELSEWHERE, 6 * 2**20)


def test_a_disk_without_locks_is_refused_where_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*what: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(disk.fcntl, "flock", no_locks)
    refuse_unwritable(tmp_path / "x", ELSEWHERE)
    with pytest.raises(SynthError) as caught:
        refuse_unwritable(tmp_path / "x", ELSEWHERE, locks=True)
    assert (
        caught.value.message == f"`{tmp_path / 'x'}` cannot be written: the disk of `{tmp_path}` has no locks"
    )
    assert list(tmp_path.iterdir()) == []


@contextmanager
def small_files() -> Iterator[None]:
    """Have the system itself refuse files of more than 4 KiB: within it alone, else pytest cannot write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_limit_of_the_system_is_met_by_what_writes_files_itself(tmp_path: Path) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2])
    with small_files():
        save_tensors(tmp_path / "small", {"a": torch.zeros(100)})
        with pytest.raises(OSError) as large_tensors:
            save_tensors(tmp_path / "large", {"a": torch.zeros(10_000)})
        with pytest.raises(OSError) as large_picture:
            save_picture(tmp_path / "picture.png", figure)
    assert (large_tensors.value.errno, large_picture.value.errno) == (errno.EFBIG, errno.EFBIG)
    assert load_file(tmp_path / "small").keys() == {"a"} and not (tmp_path / "picture.png").exists()
