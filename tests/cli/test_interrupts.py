"""Ctrl-C and SIGTERM: what is kept and a command that goes on, of every verb; the code is 130."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from synthcli import __main__ as entry
from synthcli.cli.training_progress import TrainingProgress
from synthcli.errors import Stopped
from synthcli.jobs.evaluate import evaluate
from tests.processes import end_within

from .conftest import Said, Synth, only
from .verbs import leaves, parsed

pytestmark = pytest.mark.slow

LEAVES = leaves()


@pytest.mark.parametrize("words", LEAVES)
def test_every_verb_says_how_to_go_on(words: str, synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    command = LEAVES[words]
    monkeypatch.setattr(type(command), "invoke", interrupt)
    given = [*words.split(), *parsed(command)]
    said = synth(*given)
    assert (said.code, said.out) == (130, "")
    assert said.err == (
        f"interrupted: nothing is left half done\nnext: `{shlex.join(['synth', *given])}` begins again\n"
    )


def interrupt(*words: object) -> None:
    raise KeyboardInterrupt


def stop_at(step: int, patch: pytest.MonkeyPatch, preset: str = "", at_once: bool = False) -> None:
    """Have a signal come in a step: the first ends the training after it, another at once."""

    def on_step(self: TrainingProgress, training: Any, done: Any) -> None:
        if done.step == step and self.label.endswith(preset):
            if at_once:
                raise KeyboardInterrupt
            training.is_interrupted = True

    patch.setattr(TrainingProgress, "on_step", on_step)


def follow(said: Said, synth: Synth) -> list[Said]:
    """Give the commands that a message names."""
    commands = re.findall(r"`(synth [^`]*)`", said.err.rpartition("next: ")[2])
    assert commands
    return [synth(*shlex.split(command)[1:]) for command in commands]


@pytest.mark.parametrize(
    ("at_once", "kept"),
    [(False, "step 4 of 6 is saved"), (True, "the run is kept up to its last checkpoint")],
)
def test_a_training_is_gone_on_with(
    at_once: bool, kept: str, synth: Synth, here: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(4, patch, at_once=at_once)
        said = synth("train", tiny)
    run = only(here, "tiny").relative_to(here)
    assert said.code == 130
    assert said.err.endswith(f"interrupted: {kept}\nnext: `synth train --resume {run}` goes on after it\n"), (
        said.err
    )
    assert [one.code for one in follow(said, synth)] == [0]
    assert (here / run / "finished.json").exists()


def test_presets_that_come_after_are_named(
    synth: Synth, here: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second", "third"):
        (here / f"{name}.toml").write_text(f'extends = "{tiny}"\ntitle = "{name}"\n')
    with monkeypatch.context() as patch:
        stop_at(2, patch, "second")
        said = synth("train", "first.toml", "second.toml", "third.toml", "--seed", "1")
    assert said.code == 130
    run = only(here, "second").relative_to(here)
    assert said.err.endswith(
        "interrupted: step 2 of 6 is saved\n"
        f"next: `synth train --resume {run}` goes on after it, then `synth train third.toml --seed 1`\n"
    )
    assert [one.code for one in follow(said, synth)] == [0, 0]
    assert all((only(here, name) / "finished.json").exists() for name in ("first", "second", "third"))


def test_a_signal_before_a_run_begins(
    synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    monkeypatch.setattr("synthcli.jobs.train.train_experiment", interrupt)
    said = synth("train", tiny)
    assert said.err == (f"interrupted: nothing is left half done\nnext: `synth train {tiny}` begins again\n")
    assert not (here / "runs").exists()


def test_results_of_an_evaluation_are_kept(
    synth: Synth, here: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert synth("train", tiny).code == 0
    run, evaluate_one, evaluated = str(only(here, "tiny").relative_to(here)), evaluate.evaluate_checkpoint, []

    def once(*words: Any) -> Any:
        if evaluated:
            raise KeyboardInterrupt
        evaluated.append(1)
        return evaluate_one(*words)

    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "evaluate_checkpoint", once)
        said = synth("eval", "accuracy", run, f"{run}/checkpoints/last", "--limit", "4", "--json")
    assert said.code == 130 and said.out.count('"metric"') + said.out.count('"checkpoint"') >= 1
    assert said.err.endswith(
        "interrupted: 1 of 2 checkpoints are evaluated\n"
        f"next: `synth eval accuracy {run}/checkpoints/last --limit 4 --json` evaluates the others\n"
    )
    assert [one.code for one in follow(said, synth)] == [0]


@pytest.fixture
def signals_taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The signals of this process as a command has them."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr(entry, "SOON", 0.02)
    entry.take_signals()
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def interrupt_here(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_library_swallows_comes_again(
    number: signal.Signals, signals_taken: None
) -> None:
    with suppress(KeyboardInterrupt):  # as torch and pydantic do where they call Python
        interrupt_here(number)
    with pytest.raises(KeyboardInterrupt):
        time.sleep(1)


def test_what_is_tidied_up_after_an_interrupt_is_not_interrupted(signals_taken: None) -> None:
    tidied = False
    with pytest.raises(Stopped) as stop:
        try:
            interrupt_here(signal.SIGINT)
        except KeyboardInterrupt:
            try:
                raise Stopped("kept", "synth", "goes on")
            finally:
                time.sleep(0.2)  # ten times as long as it takes to come again
                signal.setitimer(signal.ITIMER_REAL, 0)
                tidied = True
    assert tidied and stop.value.kept == "kept"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_a_process(number: signal.Signals, tmp_path: Path) -> None:
    words = ["check", "wmt14-dense"]
    process = subprocess.Popen(
        [sys.executable, "-m", "synthcli", *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.readline()  # it has begun
    process.send_signal(number)
    said += process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.endswith(
        "interrupted: nothing is left half done\nnext: `synth check wmt14-dense` begins again\n"
    )
    assert end_within([process.pid], 1) == []


def test_an_alarm_on_its_way_sets_no_further_one(tmp_path: Path) -> None:
    """Else a command that has said what a signal left would be ended by the alarm, with its code."""
    code = """
import os, signal
from synthcli.__main__ import end_at_once, take_signals
take_signals()
end_at_once()
os.kill(os.getpid(), signal.SIGALRM)
print(signal.getitimer(signal.ITIMER_REAL)[0])
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.0\n", "")
