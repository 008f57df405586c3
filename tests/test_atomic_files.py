"""Files and folders that are whole, absent, or swept by the next who comes."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from synthcli import atomic_files
from synthcli.atomic_files import (
    follow_link,
    hold_lock,
    hold_temporary_folder,
    link,
    new_folder,
    sweep,
    sync,
    take_place,
    write_text,
)

HOLD = """
import sys, time
from pathlib import Path
from synthcli.atomic_files import hold_temporary_folder
with hold_temporary_folder(Path(sys.argv[1]), ".passing-") as folder:
    (folder / "large").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_hold_temporary_folder_is_gone_afterwards_whatever_happens(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold_temporary_folder(tmp_path, ".passing-") as folder:
        assert folder.is_dir() and folder.parent == tmp_path
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        with hold_temporary_folder(tmp_path, ".passing-"):
            assert left.is_dir()
        other.kill()
    assert (left / "large").exists()
    with hold_temporary_folder(tmp_path, ".passing-") as own:
        assert list(tmp_path.iterdir()) == [own]


LOOP = """
import sys
from pathlib import Path
from synthcli.atomic_files import new_file, new_folder, hold_temporary_folder
place, me = Path(sys.argv[1]), sys.argv[2]
for number in range(60):
    with hold_temporary_folder(place, ".passing-") as folder:
        (folder / me).write_text(me)
        assert [path.name for path in folder.iterdir()] == [me]
    with new_folder(place / "folder", replaces=True) as folder:
        (folder / "file").write_text(me)
    with new_file(place / "file") as file:
        file.write_text(me * 100)
    assert (place / "file").read_text() in [name * 100 for name in "abc"]
"""


@pytest.mark.slow
def test_processes_that_sweep_while_others_begin_do_not_meet(tmp_path: Path) -> None:
    """Three at once; one that makes a folder has not locked it yet when another looks for leftovers."""
    (tmp_path / "folder").mkdir()
    command = [sys.executable, "-c", LOOP, str(tmp_path)]
    started = [subprocess.Popen([*command, name], stderr=subprocess.PIPE, text=True) for name in "abc"]
    for process in started:
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    mkdir = Path.mkdir

    def make_and_lose(path: Path, mode: int = 0o777, **how: bool) -> None:
        mkdir(path, mode, **how)
        made.append(path)
        if len(made) == 1:
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", make_and_lose)
    with hold_temporary_folder(tmp_path, ".passing-") as folder:
        assert folder.is_dir() and [folder] == made[1:]


def test_what_a_kill_left_of_a_new_folder_goes_when_the_next_is_made(tmp_path: Path) -> None:
    for name in ("a-0123abcd", "b-0123abcd", "b-4567abcd.before", "other-file-89abcdef"):
        (tmp_path / f".unfinished-{name}").mkdir()
    (tmp_path / ".unfinished-plain-01234567").write_text("x")
    (tmp_path / ".unfinished-somebody-else").mkdir()
    (tmp_path / "b").mkdir()
    with hold_lock(tmp_path / ".unfinished-a-0123abcd"), new_folder(tmp_path / "c"):
        pass
    kept = [".unfinished-a-0123abcd", ".unfinished-somebody-else", "b", "c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_a_folder_killed_between_going_and_being_replaced_comes_back(tmp_path: Path) -> None:
    old = tmp_path / ".unfinished-model-01234567.before"
    old.mkdir()
    (old / "weights").write_text("x")
    sweep(tmp_path)
    assert (tmp_path / "model" / "weights").read_text() == "x"


def failing(number: int) -> Callable[..., None]:
    """Return what the system would do in the place of a call that it refuses."""

    def refuse(*what: object, **more: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_file_that_cannot_be_replaced_stays_and_nothing_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "file", "old")
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        write_text(tmp_path / "file", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_a_folder_that_fails_leaves_no_parents_either(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "a" / "b" / "c") as folder:
        (folder / "file").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails", ["rename", "sync"])
def test_a_folder_that_cannot_take_a_place_leaves_the_old_one_there(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    calls = []

    def second(path: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        os.rename(path, target)  # noqa: PTH104, what is replaced
        return target

    if fails == "rename":
        monkeypatch.setattr(Path, "rename", second)
    else:
        monkeypatch.setattr(atomic_files, "sync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        take_place(tmp_path / "new", tmp_path / "old", tmp_path / "aside")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]
    assert (tmp_path / "old" / "old").exists() and (tmp_path / "new" / "new").exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
def test_a_disk_without_links_has_files_that_say_where(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "step-1").mkdir()
    (tmp_path / "step-2").mkdir()
    link(tmp_path / "last", "step-1")
    assert (tmp_path / "last").is_symlink() and follow_link(tmp_path / "last") == tmp_path / "step-1"
    monkeypatch.setattr(Path, "symlink_to", failing(number))
    link(tmp_path / "last", "step-2")
    assert (tmp_path / "last").read_text() == "step-2\n"
    assert follow_link(tmp_path / "last") == tmp_path / "step-2"
    assert follow_link(tmp_path / "step-1") == tmp_path / "step-1"
    monkeypatch.setattr(Path, "symlink_to", failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        link(tmp_path / "last", "step-1")


def test_a_disk_that_cannot_sync_is_not_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
        monkeypatch.setattr(os, "fsync", failing(number))
        sync(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        sync(tmp_path)


def test_a_disk_without_locks_has_hold_temporary_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".passing-left").mkdir()
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    with hold_temporary_folder(tmp_path, ".passing-") as own:
        assert own.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [".passing-left"]  # may be in use
