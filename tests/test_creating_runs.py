"""A new run: named when it is whole, one process an id, leftovers swept and work under way left alone."""

import fcntl
import threading
from pathlib import Path

import pytest

from synthcli import atomic_files
from synthcli.runs import Run, create_run, find_run_verb, list_runs
from synthcli.runs import creating as creating_module

PRESET = 'name = "toy"\n'
FIRST, SECOND = "20261121-090412-8f3a", "20261121-090412-8f3b"


def test_a_run_says_whose_it_is_and_how_it_began(tmp_path: Path) -> None:
    run = create_run("toy", PRESET, tmp_path, "finetune")
    assert run.record == {"verb": "finetune", "preset": {"name": "toy"}, "sessions": []}
    run.note_session(steps=3)
    assert (find_run_verb(run), run.record["preset"], len(run.sessions)) == ("finetune", {"name": "toy"}, 1)


def test_nothing_of_a_run_that_failed_or_is_being_made_is_found(tmp_path: Path) -> None:
    def fill(run: Run) -> None:
        run.write_result("compress", {})
        assert list_runs(tmp_path) == []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_run("toy", PRESET, tmp_path, fill=fill)
    assert list(tmp_path.iterdir()) == []


def test_two_that_draw_the_same_id_get_one_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([FIRST, FIRST, FIRST, SECOND, SECOND])
    monkeypatch.setattr(creating_module, "new_id", lambda: next(drawn))

    def draw_while_it_is_filled(run: Run) -> None:
        if run.path.name.endswith(FIRST):  # FIRST is claimed, so the other goes on to SECOND
            assert create_run("toy", PRESET, tmp_path, fill=draw_while_it_is_filled).id == SECOND

    assert create_run("toy", PRESET, tmp_path, fill=draw_while_it_is_filled).id == FIRST
    assert [run.id for run in list_runs(tmp_path)] == [SECOND, FIRST]


def test_an_id_that_has_a_run_already_is_drawn_again(tmp_path: Path, monkeypatch) -> None:
    drawn = iter([FIRST, FIRST, SECOND])
    monkeypatch.setattr(creating_module, "new_id", lambda: next(drawn))
    first = create_run("toy", PRESET, tmp_path)
    (first.path / "mine").touch()
    assert create_run("toy", PRESET, tmp_path).id == SECOND
    assert (first.path / "mine").exists()
    assert list((tmp_path / "toy").glob(".*")) == []


def test_many_at_once_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, ids = creating_module.new_id, []

    def coarse() -> str:
        ids.append(None)
        return f"20261121-090412-{len(ids) // 4:04x}"  # four in a row draw the same

    assert len(real()) == len(coarse())
    monkeypatch.setattr(creating_module, "new_id", coarse)
    made: list[Run] = []
    threads = [
        threading.Thread(target=lambda: made.extend(create_run("toy", PRESET, tmp_path) for _ in range(5)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({run.id for run in made}) == 20 == len(list_runs(tmp_path))
    assert all(run.preset.read_text() == PRESET and run.record["verb"] == "train" for run in made)


def test_leftovers_of_killed_processes_are_swept_and_work_under_way_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    dead, alive = (folder / (atomic_files.UNFINISHED + name) for name in (FIRST, SECOND))
    for path in (dead, alive):
        path.mkdir(parents=True)
        (path / "preset.toml").write_text(PRESET)
    with atomic_files.hold_lock(alive):
        run = create_run("toy", PRESET, tmp_path)
        assert not dead.exists() and (alive / "preset.toml").is_file()
    assert list_runs(tmp_path) == [run]
    create_run("toy", PRESET, tmp_path)
    assert not alive.exists()


def test_what_a_kill_left_half_written_is_no_result(tmp_path: Path) -> None:
    run = create_run("toy", PRESET, tmp_path)
    run.write_result("bleu", {"value": 1.0})
    (run.results / f"{atomic_files.UNFINISHED}rouge.json").write_text('{"val')
    (run.path / f"{atomic_files.UNFINISHED}environment.json").write_text('{"ver')
    assert run.read_results() == {"bleu": {"value": 1.0}}
    with run.lock():
        assert sorted(path.name for path in run.path.glob(".*")) == [".lock"]


def test_a_folder_that_has_another_s_name_by_now_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / (atomic_files.UNFINISHED + FIRST)
    path.mkdir()
    lock = fcntl.flock

    def overtaken(descriptor: int, operation: int) -> None:
        path.rename(tmp_path / FIRST)  # its owner is done, and another draws the name
        path.mkdir()
        lock(descriptor, operation)

    monkeypatch.setattr("fcntl.flock", overtaken)
    with pytest.raises(BlockingIOError), atomic_files.hold_lock(path):
        pass
