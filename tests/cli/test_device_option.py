"""`--device` on the command line: every command that runs a model has it, and runs it there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from synthcli import device
from synthcli.device import current_device
from tests.fake_gpus import with_gpus

from .conftest import Synth, only
from .verbs import leaves

RUN_MODELS = {
    "train",
    "finetune",
    "eval",
    "generate",
    "probe",
    "distill-block",
    "merge-layers",
    "heal",
    "reproduce",
    "compare",
    "claims run",
    "tune",
}
# `check` and `export` prove what a processor computes, where others can repeat it; `plan` computes nothing


@pytest.fixture(autouse=True)
def _no_choice_before() -> Iterator[None]:
    before = device._choice.set(None)
    yield
    device._choice.reset(before)


def test_every_command_that_runs_a_model_has_it() -> None:
    having = {words for words, one in leaves().items() if any("--device" in p.opts for p in one.params)}
    assert having == RUN_MODELS


@pytest.mark.slow
def test_what_was_asked_is_where_models_run_and_ends_with_the_command(
    synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    found = device.find_device

    def note(word: str, *say: object) -> torch.device:
        asked.append(word)
        return found("cpu")

    monkeypatch.setattr(device, "find_device", note)
    assert synth("train", tiny, "--device", "cpu").code == 0
    assert set(asked) == {"cpu"}
    for words in ("eval accuracy --limit 2", "generate --prompt ab --max-length 2"):
        asked.clear()
        assert synth(*words.split(), "--device", "cuda:7").code == 0, words
        assert asked == ["cuda:7"], words  # once, before any work
    assert current_device() == torch.device("cpu") and asked[-1] == "auto"


def test_a_gpu_is_refused_with_the_reason_before_a_run_is_made(
    synth: Synth, tiny: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with_gpus(monkeypatch)
    said = synth("train", tiny, "--device", "cuda")
    assert said.code == 2 and said.err == (
        "error: `--device cuda`: torch finds no GPU: `CUDA_VISIBLE_DEVICES` is ``\n"
        "hint: leave `--device` out: models run on the processor\n"
    )
    assert not (here / "runs").exists()
    assert synth("train", tiny, "--set", "training.steps=1").code == 0  # the hint, followed


def test_a_gpu_is_said_once_and_one_is_not_for_several_processes(
    synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, (9, 0), (9, 0))
    said = synth("train", tiny, "--device", "cuda:1", "--processes", "2")
    assert said.code == 2 and said.err == (
        "device: cuda:1 Card 1\n"
        "error: `--device cuda:1` is one GPU, and 2 processes take one each\n"
        "hint: `--device cuda`; `CUDA_VISIBLE_DEVICES` says which GPUs there are to take\n"
    )


def test_more_processes_than_gpus_are_refused_before_anything_is_prepared(
    synth: Synth, tiny: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, (9, 0), (9, 0))
    said = synth("train", tiny, "--processes", "4")
    assert said.code == 2 and said.err == (
        "error: `--processes 4` takes a GPU each, and there are 2 GPUs\n"
        "hint: `--processes 2`, or add `--device cpu`; `CUDA_VISIBLE_DEVICES` says which GPUs there are to "
        "take\n"
    )
    assert not (here / "runs").exists() and not (here / "stores").exists()


def test_how_to_go_on_says_the_device(synth: Synth, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*what: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("synthcli.training.loop.take_step", interrupt)
    said = synth("train", tiny, "--device", "cpu")
    assert said.code == 130 and "--device cpu` goes on after it" in said.err


@pytest.mark.slow
def test_results_say_what_they_were_computed_on(synth: Synth, tiny: str, here: Path) -> None:
    assert synth("train", tiny).code == 0
    assert synth("eval", "accuracy", "--limit", "2").code == 0
    run = only(here, "tiny")
    (result,) = run.glob("results/accuracy*.json")
    assert json.loads(result.read_text())["device"].startswith("cpu ")
    old = json.loads(result.read_text())
    del old["device"]  # as it was written before
    result.write_text(json.dumps(old))
    assert synth("runs", "show", str(run)).code == 0


@pytest.mark.slow
def test_what_compressing_finds_says_what_it_was_computed_on(synth: Synth, teacher: Path, here: Path) -> None:
    text = ("--teacher", str(teacher), "--limit", "16", "--closed-form-only")
    assert synth("probe", str(teacher), "--limit", "16", "--layers", "0", "-r", "none").code == 0
    assert synth("distill-block", "--block", "0", "--mixer", "none", *text).code == 0
    assert synth("merge-layers", "0", "1", *text).code == 0
    merged = only(here, "teacher-merge-0-1")
    assert synth("heal", str(merged), "--steps", "1").code == 0
    accounts = [teacher / "results/probe.json", *here.glob("runs/*/*/results/compress.json")]
    assert len(accounts) == 4
    for path in accounts:
        assert json.loads(path.read_text())["device"].startswith("cpu "), path
