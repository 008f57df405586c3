"""The run directory: made whole, one writer, found by every name it has."""

import subprocess
import sys
from pathlib import Path

import pytest

from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError, WorkFailedError
from synthcli.runs import (
    Run,
    create_run,
    find_checkpoint,
    find_run,
    list_runs,
    refuse_differences,
    run_of,
    runs_root,
)
from synthcli.runs.sessions import other_machine
from tests.training.toys import ToyText, toy_config, toy_model, toy_train

PRESET = 'name = "toy"\n'
MAKE_ONE = "`synth train PRESET` makes a run with one"


def trained_run(root: Path, name: str, steps: int = 2) -> Run:
    run = create_run(name, PRESET, root)
    config = toy_config(steps=steps, save_every=1)
    with run.lock():
        toy_train(toy_model(), config, callbacks=run.callbacks(ByteTokenizer(), ToyText(rows=5), "f00d"))
    return run


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Two trained runs of `toy-a`, one of `toy-b`, one of `toy-c` that never saved."""
    root = tmp_path_factory.mktemp("runs")
    for name in ("toy-a", "toy-b", "toy-a"):
        trained_run(root, name)
    create_run("toy-c", PRESET, root)
    return root


def test_a_run_holds_what_its_layout_says(tmp_path: Path) -> None:
    run = trained_run(tmp_path, "toy")
    assert run.is_finished
    assert sorted(path.name for path in run.path.iterdir()) == [
        ".lock",
        "checkpoints",
        "environment.json",
        "finished.json",
        "journal.jsonl",
        "preset.toml",
        "timings.jsonl",
    ]
    assert (run.name, run.task, run.preset.read_text()) == ("toy", "causal-lm", PRESET)
    assert run_of(run.last) == run
    (session,) = run.sessions
    assert run.store_hash == session["store"] == "f00d"
    assert session["precision"] == "fp32, as asked"
    assert (session["from_step"], session["steps"], session["processes"]) == (0, 2, 1)
    assert session["recurrence"].startswith(("native (", "plain torch ("))
    assert session["versions"]["torch"].startswith("2.")


def test_ids_sort_by_time(tmp_path: Path) -> None:
    made = [create_run("toy", PRESET, tmp_path) for _ in range(5)]
    assert list_runs(tmp_path) == made[::-1]


def test_results_are_written_whole_and_read_back(tmp_path: Path) -> None:
    run = create_run("toy", PRESET, tmp_path)
    run.write_result("bleu-test", {"value": 1.0})
    path = run.write_result("bleu-test", {"value": 2.0})
    assert path == run.results / "bleu-test.json"
    assert run.read_results() == {"bleu-test": {"value": 2.0}}


def test_a_second_writer_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    run = create_run("toy", PRESET, tmp_path)
    code = (
        "import sys; from pathlib import Path; from synthcli.runs import Run\n"
        f"with Run(Path({str(run.path)!r})).lock(): print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(SynthError) as caught, run.lock():
            pass
        other.kill()
    assert str(caught.value) == (
        f"run `{run.path}` is being written by process {other.pid}\nhint: wait until it ends, or stop it"
    )
    with run.lock():
        pass


def test_another_process_of_a_training_writes_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "1")
    run = create_run("toy", PRESET, tmp_path / "runs")
    with run.lock():
        run.note_session()
        run.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(WorkFailedError) as caught:
        create_run("toy", PRESET, tmp_path / "runs")
    folder = tmp_path / "runs" / "toy"
    assert caught.value.message == (
        f"a run in `{folder}` could not be written: `{tmp_path / 'runs'}` is no folder"
    )
    assert caught.value.hint == (
        "move it away, or set `SYNTH_RUNS` to another folder, then give the same command again"
    )


def test_the_root_follows_the_environment(monkeypatch) -> None:
    monkeypatch.delenv("SYNTH_RUNS", raising=False)
    assert runs_root() == Path("runs")
    monkeypatch.setenv("SYNTH_RUNS", "/elsewhere")
    assert runs_root() == Path("/elsewhere")


def test_a_run_is_found_by_name_id_and_path(root: Path) -> None:
    newest, *_, oldest = list_runs(root)
    assert find_run(None, root) == newest
    assert find_run("toy-a", root) == list_runs(root, "toy-a")[0]
    assert find_run(oldest.id, root) == oldest
    assert find_run(str(oldest.path), root) == oldest


def test_a_checkpoint_is_found_by_every_name_it_has(root: Path) -> None:
    newest, older = list_runs(root, "toy-a")
    last = newest.path / "checkpoints" / "step-00000002"
    for word in (None, "toy-a", newest.id, str(newest.path), str(last), "toy-a/last", "toy-a/step-00000002"):
        assert find_checkpoint(word, root) == last
    assert find_checkpoint(older.id, root) == older.path / "checkpoints" / "step-00000002"
    assert find_checkpoint("toy-a/step-00000001", root) == newest.path / "checkpoints" / "step-00000001"
    assert find_checkpoint(None, root, tasks=["causal-lm"]) == last


@pytest.mark.parametrize(
    ("word", "tasks", "message", "hint"),
    [
        ("toy-d", None, "unknown checkpoint `toy-d`", "did you mean `toy-b`?"),
        (
            "toy-a/step-00000009",
            None,
            "run `{a}` has no checkpoint `step-00000009`",
            "did you mean `step-00000002`?",
        ),
        (
            "toy-c",
            None,
            "run `{c}` has no checkpoint yet",
            "`synth train --resume {c}` continues it",
        ),
        (None, ["seq2seq"], "there is no checkpoint of a seq2seq model in `{root}`", MAKE_ONE),
    ],
)
def test_a_checkpoint_that_is_not_there_is_named(root: Path, word, tasks, message, hint) -> None:
    with pytest.raises(SynthError) as caught:
        find_checkpoint(word, root, tasks)
    a, c = (list_runs(root, name)[0].path for name in ("toy-a", "toy-c"))
    expected = (message.format(a=a, c=c, root=root), hint.format(c=c))
    assert (caught.value.message, caught.value.hint) == expected


def test_where_nothing_was_trained_the_hint_says_how(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as caught:
        find_checkpoint("toy", tmp_path)
    assert str(caught.value) == f"unknown checkpoint `toy`\nhint: {MAKE_ONE}"
    with pytest.raises(SynthError) as caught:
        find_run("toy", tmp_path)
    assert str(caught.value) == f"there are no runs in `{tmp_path}`\nhint: `synth train PRESET` makes one"


def test_an_unknown_run_is_named(root: Path) -> None:
    with pytest.raises(SynthError) as caught:
        find_run("toy-d", root)
    assert str(caught.value) == "unknown run `toy-d`\nhint: did you mean `toy-c`?"


def test_a_link_to_itself_is_no_run(root: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SynthError) as caught:
        find_run(str(tmp_path / "loop"), root)
    assert caught.value.message == f"unknown run `{tmp_path / 'loop'}`"


def test_resuming_with_other_settings_says_which(tmp_path: Path) -> None:
    run = create_run("toy", PRESET, tmp_path)
    old = {"training": {"seed": 0, "keep": 2, "clip": 1.0}, "title": "a", "model": {"d_model": 8}}
    refuse_differences(run.path, old, {**old, "title": "b", "training": {"seed": 0, "keep": 9, "clip": 1.0}})
    with pytest.raises(SynthError) as caught:
        refuse_differences(
            run.path, old, {"training": {"seed": 1, "keep": 9, "steps": 5}, "model": {"d_model": 8}}
        )
    assert caught.value.message == (
        f"run `{run.path}` was started with another configuration: "
        "`training.seed`: 0 → 1, `training.clip`: 1.0 → absent, `training.steps`: absent → 5"
    )
    assert caught.value.hint == "leave out what differs, or start a new run without `--resume`"


def test_importing_runs_imports_no_torch() -> None:
    code = "import sys, synthcli.runs; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_session_on_another_machine_is_said() -> None:
    before = {"threads": 2, "device": "cpu", "precision": "fp32", "versions": {"torch": "2.12.0"}}
    now = {
        "threads": 1,
        "processes": 1,
        "micro_size": 8,
        "device": "cpu",
        "precision": "fp32",
        "recurrence": "native",
    }
    assert other_machine(before, now | {"versions": {"torch": "2.13.0"}}) == [
        "`threads` was 2 and is 1: the bits may differ from those of a run never stopped",
        "`torch` was 2.12.0 and is 2.13.0: the bits may differ from those of a run never stopped",
    ]
    assert other_machine({}, now | {"versions": {"torch": "2.13.0"}}) == []


def test_another_gpu_of_the_same_kind_is_no_other_machine() -> None:
    here = {"threads": 1, "precision": "fp32", "gpu": "NVIDIA H100", "versions": {"torch": "2.13.0"}}
    before = here | {"device": "cuda:0"}
    assert other_machine(before, here | {"device": "cuda:1"}) == []
    assert other_machine(here | {"device": "cuda"}, before) == []  # as it was written before
    (line,) = other_machine(before, before | {"gpu": "NVIDIA H200"})
    assert line.startswith("`gpu` was NVIDIA H100 and is NVIDIA H200")
    on_processor = {key: value for key, value in here.items() if key != "gpu"} | {"device": "cpu"}
    (line,) = other_machine(before, on_processor)
    assert line.startswith("`device` was cuda:0 and is cpu")


def test_a_precision_is_the_same_whoever_chose_it() -> None:
    chosen = {
        "threads": 1,
        "processes": 1,
        "device": "cpu",
        "recurrence": "native",
        "versions": {"torch": "2"},
    }
    before = chosen | {"precision": "bf16, which this processor has"}
    assert other_machine(before, chosen | {"precision": "bf16, as asked"}) == []
    (line,) = other_machine(before, chosen | {"precision": "fp32, since this processor has no bf16"})
    assert line.startswith("`precision` was bf16, which this processor has and is fp32, since")
