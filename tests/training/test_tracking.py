"""Trackers are told what stands in a run's files; one that fails is told of once and ends nothing."""

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError
from synthcli.runs import Run, create_run
from synthcli.runs import trackers as trackers_module
from synthcli.runs.trackers import refuse_trackers, start_tracking
from synthcli.training.checkpoints import newest_checkpoint
from synthcli.training.metrics_log import read_journal
from synthcli.training.tracking import Tracker, Tracking, flatten_numbers, record_figures
from synthcli.training.trainer import Callback

from .toys import ToyText, toy_config, toy_model, toy_train

PRESET = 'name = "toy"\nscale = "smoke"\n[training]\nsteps = 6\ndiagnostics = ["gains"]\n'


@dataclass
class Fake:
    """A tracker that remembers what it is told, and fails at a call where it is to."""

    fails_at: str = ""
    told: list[tuple[Any, ...]] = field(default_factory=list)

    def __call__(self, run: Run, step: int, is_known: bool) -> "Fake":
        self.told.append(("make", run.id, step, is_known))
        return self

    def _note(self, call: str, *what: Any) -> None:
        sys.stdout.write("a library prints what it likes")
        self.told.append((call, *what))
        if call == self.fails_at:
            raise RuntimeError("no network\nat all")

    def start(self) -> None:
        self._note("start")

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self._note("configuration", values)

    def log(self, values: dict[str, Any], step: int) -> None:
        self._note("log", step, values)

    def finish(self) -> None:
        self._note("finish")

    def of(self, call: str) -> list[tuple[Any, ...]]:
        return [what for name, *what in self.told if name == call]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Fake]]:
    """Two trackers in place of libraries."""
    found = {"one": Fake(), "two": Fake()}
    monkeypatch.setattr(trackers_module, "TRACKERS", found)
    return found


class StopAfter(Callback):
    """Ends a training as an interrupt does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, training: Any, step: Any) -> None:
        training.is_interrupted = training.step == self.step


def toy_run(root: Path) -> Run:
    return create_run("toy", PRESET, root)


def tracked(
    run: Run, names: tuple[str, ...], say: Callable[[str], None] = print, stop: int | None = None
) -> None:
    """Train a run of six steps, from its last checkpoint, and tell trackers."""
    config = toy_config(steps=6, save_every=2, evaluate_every=3, log_every=2, diagnostics=("mixtures",))
    writing = run.callbacks(ByteTokenizer(), ToyText(rows=5), "f00d", trackers=names)
    stopping = [] if stop is None else [StopAfter(stop)]
    with run.lock(), start_tracking(run, names, say) as trackers:
        resume = newest_checkpoint(run.checkpoints)
        callbacks = [*writing, trackers, *stopping]
        outcome = toy_train(toy_model(), config, callbacks=callbacks, resume=resume)
        trackers.tell_results({"loss": 0.5, "name": "x", "inner": {"kl": 1}}, outcome.step)


def test_trackers_are_told_what_stands_in_the_files(
    tmp_path: Path, fakes: dict[str, Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    run = toy_run(tmp_path)
    tracked(run, ("one", "two"))
    told = fakes["one"]
    assert [call for call, *_ in told.told[:3]] == ["make", "start", "configuration"]
    assert told.of("make") == [[run.id, 0, False]]
    ((configuration,),) = told.of("configuration")
    assert configuration == {
        "name": "toy",
        "scale": "smoke",
        "training.steps": 6,
        "training.diagnostics": "['gains']",
        "run": run.id,
        "command": "train",
    }
    logged = {step: {} for step, _ in told.of("log")}
    for step, values in told.of("log"):
        logged[step] |= values
    assert sorted(logged) == [1, 2, 3, 4, 6]
    for record in [*read_journal(run.journal), *read_journal(run.timings)]:
        expected = record_figures(record)
        assert expected and expected.items() <= logged[record["step"]].items()
    assert logged[6]["result/loss"] == 0.5 and logged[6]["result/inner.kl"] == 1
    assert {"train/loss", "validation/loss", "speed/tokens_per_second", "memory/peak"} <= logged[6].keys()
    assert any(key.startswith("diagnostics/mixtures/") for key in logged[6])
    assert told.of("finish") == [[]] and fakes["two"].of("log") == told.of("log")
    assert "a library prints" not in capsys.readouterr().out
    assert run.sessions[-1]["trackers"] == ["one", "two"]


def test_a_resumed_run_goes_on_where_the_tracker_knows_it(tmp_path: Path, fakes: dict[str, Fake]) -> None:
    run = toy_run(tmp_path)
    tracked(run, ("one",), stop=3)
    fakes["one"].told.clear()
    tracked(run, ("one", "two"))
    step = 3  # an interrupt saves
    assert fakes["one"].of("make") == [[run.id, step, True]]
    assert fakes["one"].of("configuration") == [] and len(fakes["two"].of("configuration")) == 1
    assert {step for step, _ in fakes["one"].of("log")} == {4, 6}
    assert {step for step, _ in fakes["two"].of("log")} == {1, 2, 3, 4, 6}  # all that came before, too


@pytest.mark.slow
@pytest.mark.parametrize("call", ["start", "configuration", "log", "finish"])
def test_a_tracker_that_fails_is_told_of_once_and_the_run_goes_on(
    tmp_path: Path, fakes: dict[str, Fake], call: str
) -> None:
    fakes["one"].fails_at = call
    said: list[str] = []
    run = toy_run(tmp_path)
    tracked(run, ("one", "two"), said.append)
    why = "RuntimeError: no network at all"
    assert said == [f"note: tracker `one` failed, and the training goes on without it: {why}"]
    assert run.is_finished and len(fakes["one"].of(call)) == 1
    assert fakes["two"].of("finish") == [[]]


def test_a_tracker_whose_thread_fails_leaves_no_traceback() -> None:
    """Its library raises the same at the next record; a thread of anybody else is heard."""
    heard: list[threading.ExceptHookArgs] = []

    def fail() -> None:
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()

    training: Any = SimpleNamespace(step=0)
    writer = SimpleNamespace(start=fail, store_init_configuration=dict, log=fail, finish=fail)
    telling = Tracking([Tracker("fake", lambda step, known: writer)], (), {}, print)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("threading.excepthook", heard.append)
        with telling:
            telling.on_start(training)
            telling.tell_results({"loss": 1.0}, 2)
            assert heard == []
            fail()
        assert len(heard) == 1 and threading.excepthook == heard.append


def test_a_training_that_fails_finishes_its_trackers(tmp_path: Path, fakes: dict[str, Fake]) -> None:
    run = toy_run(tmp_path)
    with pytest.raises(KeyError), start_tracking(run, ("one",), print) as trackers:
        toy_train(toy_model(), toy_config(steps=1), callbacks=[trackers])
        raise KeyError
    assert fakes["one"].of("finish") == [[]]


def test_of_several_processes_the_main_one_tells(
    tmp_path: Path, fakes: dict[str, Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = toy_run(tmp_path)
    monkeypatch.setenv("RANK", "1")
    with start_tracking(run, ("one",), print) as trackers:
        toy_train(toy_model(), toy_config(steps=1), callbacks=[trackers])
    assert fakes["one"].told == []


def test_numbers_are_found_wherever_they_stand() -> None:
    found = flatten_numbers({"a": 1, "b": {"c": [0.5, None, float("nan")]}, "d": True, "e": "x"}, "/")
    assert dict(found) == {"a": 1, "b/c/0": 0.5}


def test_what_cannot_be_told_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "wandb" else sys)
    assert refuse_trackers(None) == ()
    assert refuse_trackers(["mlflow", "tensorboard", "mlflow"]) == ("mlflow", "tensorboard")
    for name, message, hint in (
        ("wandb", "`--track wandb` needs the package `wandb`", "`pip install 'synthcli[wandb]'`"),
        ("tensorbord", "unknown tracker `tensorbord`", "did you mean `tensorboard`?"),
    ):
        with pytest.raises(SynthError) as caught:
            refuse_trackers([name])
        assert (caught.value.message, caught.value.hint) == (message, hint)
