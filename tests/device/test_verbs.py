"""Every verb that runs a model, on the stand-in: nothing of the host gets in, and it comes to what it does on
the host, to the bit, but where it is trained. With `-s` what each mixes, waits and launches is printed.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from synthcli import api
from synthcli.compress.activations.cache import build_cache
from synthcli.compress.activations.hook_points import HookPoint
from synthcli.compress.config import HealConfig, ProbeConfig, RecordingConfig
from synthcli.compress.distill.closed_forms import STARTS
from synthcli.compress.merge import MERGES
from synthcli.compress.teacher import open_teacher
from synthcli.evaluation.config import EvaluationConfig
from synthcli.evaluation.token_sampling import Sampling
from synthcli.jobs.compress import heal as healing
from synthcli.jobs.compress import probe
from synthcli.jobs.compress.agreement import AgreementConfig, agree
from synthcli.jobs.compress.texts import texts_for
from synthcli.jobs.generate import Asked, Writer
from synthcli.jobs.train import Observer
from synthcli.progress import no_progress
from synthcli.runs import RESULT, Run
from tests.device.__main__ import counts
from tests.device.double import Device
from tests.tiny_presets import LANGUAGE_MODEL, STREAMS, TINY, teacher_preset, write_words

pytestmark = pytest.mark.slow

WITHOUT_DROPOUT = ("model.dropout=0.0", "model.mixer.dropout=0.0")  # a GPU draws otherwise
PRESETS = {"tiny": TINY, "lm": LANGUAGE_MODEL, "streams": STREAMS, "teacher": teacher_preset("words", 3)}
CALIBRATION = {"limit": 16, "steps": 0}  # sequences to learn from; a start alone
Runs = dict[str, Path]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """A run of every kind, trained on the host."""
    folder = tmp_path_factory.mktemp("verbs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("SYNTH_STORES", "SYNTH_RUNS"):
            patch.delenv(name, raising=False)
        write_words(folder / "words")
        made = {}
        for name, text in PRESETS.items():
            (folder / f"{name}.toml").write_text(text)
            made[name] = api.train(f"{name}.toml", overrides=WITHOUT_DROPOUT).path
        yield made


def on_both(work: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what work comes to on the host and on the device, where nothing may be mixed."""
    host = work()
    with Device() as device:
        there = work()
    name = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].partition(" ")[0]
    mixed, waits, launches = counts(device)
    sys.stdout.write(f"\n{name:60} {mixed:6} {waits:6} {launches:9}\n")
    assert launches > 0
    assert not mixed, device.mixed
    return host, there


EVALUATED = [
    ("tiny", "accuracy", {"limit": 5}),
    ("tiny", "bleu", {"limit": 5, "beam": 3}),
    ("tiny", "perplexity", {"limit": 5}),
    ("lm", "perplexity", {}),
    ("streams", "perplexity", {}),
    ("teacher", "perplexity", {}),
]


@pytest.mark.parametrize(("name", "metric", "options"), EVALUATED)
def test_evaluation(name: str, metric: str, options: dict[str, Any], runs: Runs) -> None:
    host, there = on_both(lambda: api.evaluate(runs[name], metric, **options))
    assert (host.device[:4], there.device) == ("cpu ", "cuda:0 stand-in")
    assert there.figures == host.figures


@pytest.mark.parametrize("name", ["tiny", "lm", "streams"])
@pytest.mark.parametrize(("beam", "temperature"), [(1, 0.0), (3, 0.0), (1, 0.9)])
def test_writing(name: str, beam: int, temperature: float, runs: Runs) -> None:
    search = EvaluationConfig(metrics=("bleu",), beam=beam, max_length=6)
    asked = Asked(search, Sampling(temperature, seed=3), batch_size=3)
    host, there = on_both(lambda: [*Writer(runs[name], asked).pieces(["the word", "a", "abc reads"])])
    assert there == host and host[-1].is_last


def test_filling_of_masks(runs: Runs) -> None:
    asked = Asked(EvaluationConfig(metrics=("bleu",), beam=1))
    host, there = on_both(lambda: [*Writer(runs["teacher"], asked).pieces(["the [MASK] reads 3"])])
    assert there == host


def test_recordings(runs: Runs, tmp_path: Path) -> None:
    def record() -> dict[str, bytes]:
        teacher = open_teacher(runs["teacher"])
        text = texts_for(teacher, RecordingConfig(limit=16)).train
        points = [HookPoint("encoder", layer, part) for layer in (0, 2) for part in ("layer-in", "mixer-out")]
        cache = build_cache(tmp_path / f"on-{teacher.device.type}", teacher, text, points)
        return {path.name: path.read_bytes() for path in cache.path.iterdir()}

    host, there = on_both(record)
    assert there == host and len(host) == 4 + 3


def test_a_probe(runs: Runs, tmp_path: Path) -> None:
    def look() -> list[Any]:
        asked = ProbeConfig(teacher=str(runs["teacher"]), limit=16)
        findings = probe.record_and_probe(probe.prepare(asked, output=tmp_path), no_progress)
        return [replace(one, seconds=0.0) for one in findings]

    host, there = on_both(look)
    assert there == host and any(one.kl is not None for one in host)


STUDENTS = [
    *(("attention", start) for start in ("whitened-svd", "greedy-heads", "random")),
    *(("random", start) for start in ("mean-map", "ridge")),
    *(
        ("factorized-random", "mean-map"),
        ("sru", "moving-averages"),
        ("linear", "linear-map"),
        ("none", "mean"),
    ),
]


def test_every_start_is_tried() -> None:
    assert {start for _, start in STUDENTS} == {*STARTS}


@pytest.mark.parametrize(("mixer", "start"), STUDENTS)
def test_students_of_formulas(mixer: str, start: str, runs: Runs) -> None:
    size = {"heads": 1, "d_head": 8} if start == "greedy-heads" else {}

    def distill() -> tuple[Any, ...]:
        student = api.distill(
            runs["teacher"],
            blocks=(0, 1),
            mixer=mixer,
            start=start,
            conditioned="corrected",
            **CALIBRATION,
            **size,
        )
        return (student.divergence, student.agreement, *(one["nmse_after"] for one in student.rows))

    host, there = on_both(distill)
    assert there == host


@pytest.mark.parametrize("start", MERGES)
def test_merged_layers(start: str, runs: Runs) -> None:
    def merge() -> tuple[Any, ...]:
        student = api.merge(runs["teacher"], layers=(0, 1), start=start, **CALIBRATION)
        return student.divergence, student.agreement, student.rows[0]["nmse_after"]

    host, there = on_both(merge)
    assert there == host


@pytest.mark.parametrize(
    "criterion", ["mse", "mse-scores", "ce-scores", "relation", "cosine", "ce-logits", "kl-output"]
)
def test_training_of_a_block(criterion: str, runs: Runs) -> None:
    def distill() -> Any:
        return api.distill(
            runs["teacher"], blocks=(1,), criterion=criterion, steps=2, limit=16, start="whitened-svd"
        )

    host, there = on_both(distill)
    account = json.loads((there.path / "results" / f"{RESULT}.json").read_text())
    assert account["device"] == "cuda:0 stand-in"
    session = json.loads((there.path / "environment.json").read_text())["sessions"][-1]
    assert (session["device"], session["gpu"]) == ("cuda:0", "stand-in")
    assert there.rows[0]["nmse_after"] == pytest.approx(host.rows[0]["nmse_after"], rel=1e-3)


def healed(student: Path, **settings: Any) -> Run:
    """Heal a student for a moment."""
    observer = Observer(lambda line: None)
    return healing.run(healing.prepare(HealConfig(**settings), str(student), observer), observer).run


def test_healing_and_agreement(runs: Runs) -> None:
    student = api.merge(runs["teacher"], layers=(0, 1), **CALIBRATION).path

    def heal() -> tuple[dict[str, Any], dict[str, Any]]:
        run = healed(student, steps=2, hidden=0.5, batch_size=8)
        compared = agree(AgreementConfig((str(run.path),), reference=str(runs["teacher"]), limit=8))
        result = compared.students[0].result
        assert result.device == run.read_results()[RESULT]["device"]
        return run.read_results()[RESULT]["after"], {one.name: one.value for one in result.figures}

    host, there = on_both(heal)
    for one, other in zip(there, host, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-7)


def test_a_healing_killed_before_its_student_was_compared(runs: Runs) -> None:
    """Nothing is left to take a step, which would bring the student to its teacher."""
    student = api.merge(runs["teacher"], layers=(0, 1), **CALIBRATION).path
    quiet = Observer(lambda line: None)

    def heal() -> dict[str, Any]:
        run = healed(student, steps=1, batch_size=8)
        account = run.read_results()[RESULT]
        del account["after"]
        run.write_result(RESULT, account)
        healing.resume(str(run.path), quiet)
        return run.read_results()[RESULT]["after"]  # type: ignore[no-any-return]

    host, there = on_both(heal)
    assert there == pytest.approx(host, rel=1e-3, abs=1e-7)


def test_the_processor_is_used_beside_a_gpu(runs: Runs) -> None:
    """Nothing of a training, an evaluation or a student is computed there, or brought there."""
    with Device() as device:
        trained = api.train("tiny.toml", device="cpu")
        result = api.evaluate(trained, "accuracy", limit=2, device="cpu")
        api.distill(runs["teacher"], blocks=(1,), steps=2, limit=16, start="random", device="cpu")
    assert result.device is not None and result.device.startswith("cpu ")
    assert (device.launches, device.waits) == ({}, {})


def test_a_model_without_the_device_is_not_there_afterwards(runs: Runs) -> None:
    assert torch.device("cpu") == next(api.load(runs["tiny"])[0].parameters()).device
