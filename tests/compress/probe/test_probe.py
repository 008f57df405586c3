"""A probe's figures are those of models put together, and its files are whole or absent."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from synthcli.cli import app
from synthcli.cli.probe import next_step
from synthcli.compress.activations.cache import build_cache
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import logits_of
from synthcli.compress.assemble import KeptLayer, New, with_layers, with_mixers
from synthcli.compress.distill.closed_forms import STARTS, TeacherLayer
from synthcli.compress.distill.students import StudentSpec, student_config
from synthcli.compress.fidelity.nmse import nmse
from synthcli.compress.fidelity.outputs import measure_fidelity
from synthcli.compress.probe.figures import ProbedLayer, Substitute, SubstituteEvaluator, is_resolved
from synthcli.compress.probe.probe_layer import (
    REPLACEMENTS,
    choose_replacements,
    hook_points_for,
    probe_layer,
)
from synthcli.compress.teacher import Teacher
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.model import build
from synthcli.training.checkpoints import write_model
from synthcli.training.weights import weights_of
from tests.compress.small import LAYERS, bert_config, small_teacher

ALL = list(REPLACEMENTS)


def layer_of(path: Path, teacher: Teacher, text: Calibration, stack: str, number: int) -> ProbedLayer:
    """Record a text, to fit on and to evaluate on alike."""
    cache = build_cache(path, teacher, text, hook_points_for(teacher, stack, [number], ALL))
    return ProbedLayer(TeacherLayer(teacher, cache, stack, number), cache)


@pytest.fixture
def layer(tmp_path: Path, bert: Teacher, text: Calibration) -> ProbedLayer:
    return layer_of(tmp_path / "cache", bert, text, "encoder", 1)


def found(layer: ProbedLayer, *names: str) -> dict[str, Any]:
    return {one.replacement: one for one in probe_layer(layer, names or ALL)}


def test_the_divergence_is_that_of_the_model_put_together(layer: ProbedLayer, text: Calibration) -> None:
    teacher_layer = layer.teacher_layer
    config = student_config("linear", StudentSpec(teacher_layer.teacher.config, "encoder", 1))
    student = STARTS["linear-map"](teacher_layer, config)
    whole = with_mixers(
        teacher_layer.teacher.model, teacher_layer.teacher.config, {1: (config, student)}, "encoder"
    )
    one = found(layer, "linear")["linear"]
    expected = measure_fidelity(teacher_layer.teacher.model, whole, text).divergence
    assert expected > 0.001 and one.kl == pytest.approx(expected, rel=0.02)  # streams are kept in float16
    assert one.nmse == pytest.approx(
        nmse(student, teacher_layer.cache, teacher_layer.source, teacher_layer.target), rel=1e-6
    )


def test_a_copy_of_the_mixer_costs_nothing(layer: ProbedLayer) -> None:
    own = Substitute(layer.teacher_layer.mixer, "itself", "copy")
    one = SubstituteEvaluator(layer).evaluate("copy", own, 0.0)
    assert one.kl == pytest.approx(0, abs=1e-6) and one.nmse < 1e-5 and one.share == 1


def test_a_merged_layer_is_evaluated_after_the_layers_it_replaces(
    layer: ProbedLayer, text: Calibration
) -> None:
    teacher_layer = layer.teacher_layer
    one = found(layer, "merge-next")["merge-next"]
    block = REPLACEMENTS["merge-next"](layer).module
    config = teacher_layer.teacher.config
    new = New(config.mixer, config.d_ff, block)
    whole = with_layers(teacher_layer.teacher.model, config, [KeptLayer(0), new], "encoder")
    expected = measure_fidelity(teacher_layer.teacher.model, whole, text).divergence
    assert (
        one.kl == pytest.approx(expected, rel=0.02) and 0 < one.nmse < 1 and one.share == pytest.approx(0.5)
    )


def test_every_replacement_has_figures_and_the_teacher_stays_as_it_is(layer: ProbedLayer) -> None:
    mixer = layer.teacher_layer.mixer
    before = {name: tensor.clone() for name, tensor in weights_of(layer.teacher_layer.teacher.model).items()}
    results = found(layer)
    assert list(results) == ALL
    for one in results.values():
        assert one.nmse is not None and one.kl is not None and one.kl > 0 and not one.why
    assert results["none"].nmse == pytest.approx(1, abs=1e-3)
    assert results["whitened-svd"].nmse < results["linear"].nmse < results["none"].nmse
    assert layer.teacher_layer.mixer is mixer and not mixer.training
    assert all(torch.equal(before[n], t) for n, t in weights_of(layer.teacher_layer.teacher.model).items())


def test_a_decoder_is_probed_too(tmp_path: Path, gpt2: Teacher, store: Store) -> None:
    text = Calibration(store, "train", gpt2, max_length=17, limit=30)
    layer = layer_of(tmp_path / "cache", gpt2, text, "decoder", 0)
    results = found(layer)
    assert results.pop("linformer").why.endswith("reads the future, which a decoder has to predict")
    assert all(one.nmse is not None and one.kl is not None for one in results.values())
    assert results["heads-halved"].nmse < results["none"].nmse


def test_a_classifier_is_probed_by_its_classes(tmp_path: Path, store: Store) -> None:
    head: dict[str, Any] = {"task": "classification", "num_classes": 3, "head": {}}
    teacher = small_teacher(bert_config(store.tokenizer.vocab_size, **head), store.tokenizer)
    text = Calibration(store, "train", teacher, max_length=17, limit=30)
    layer = layer_of(tmp_path / "cache", teacher, text, "encoder", 1)
    results = found(layer, "heads-halved", "none")
    config = student_config("none", StudentSpec(teacher.config, "encoder", 1))
    whole = with_mixers(
        teacher.model, teacher.config, {1: (config, STARTS["mean"](layer.teacher_layer, config))}, "encoder"
    )
    expected = measure_fidelity(teacher.model, whole, text).divergence
    assert results["none"].kl == pytest.approx(expected, rel=0.02)
    assert results["heads-halved"].nmse < results["none"].nmse


def test_what_does_not_fit_says_why(tmp_path: Path, bert: Teacher, text: Calibration) -> None:
    layer = layer_of(tmp_path / "cache", bert, text, "encoder", LAYERS - 1)
    one = found(layer, "merge-next")["merge-next"]
    assert one.nmse is None and one.kl is None and one.why == f"no layer follows layer {LAYERS - 1}"


def test_an_unknown_replacement_is_refused() -> None:
    with pytest.raises(SynthError, match="unknown replacement `heads-halve`") as error:
        choose_replacements(["heads-halve"])
    assert error.value.hint == "did you mean `heads-halved`?"


@pytest.fixture
def source(store: Store) -> str:
    return str(Path(store.manifest["source"]["path"]))


@pytest.fixture
def model(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("SYNTH_STORES", str(tmp_path / "stores"))
    monkeypatch.chdir(tmp_path)
    config = bert_config(store.tokenizer.vocab_size)
    torch.manual_seed(0)
    write_model(tmp_path / "model", config, weights_of(build(config)), store.tokenizer)
    return tmp_path / "model"


def probed(*words: str) -> Any:
    return CliRunner().invoke(app, ["probe", *words])


def test_the_command_writes_a_report_and_a_picture(model: Path, source: str, tmp_path: Path) -> None:
    words = [str(model), "--corpus", "text", "--source", source, "--limit", "20", "--max-length", "16"]
    short = ["--layers", "0-1", "-r", "linear", "-r", "random", "-o", "out"]
    said = probed(*words, *short, "--json")
    assert said.exit_code == 0, said.stderr
    report = json.loads(said.stdout)
    assert report == json.loads((tmp_path / "out" / "probe.json").read_text())
    assert [(one["layer"], one["replacement"]) for one in report["findings"]] == [
        (0, "linear"),
        (0, "random"),
        (1, "linear"),
        (1, "random"),
    ]
    assert report["text"]["computed_on"]["sequences"] == 20
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["probe.json", "probe.png"]
    assert (tmp_path / "out" / "probe.png").read_bytes().startswith(b"\x89PNG")


def test_recordings_kept_are_used_again_and_refused_for_others(model: Path, source: str, tmp_path) -> None:
    words = [str(model), "--corpus", "text", "--source", source, "--layers", "2", "-r", "none"]
    assert probed(*words, "--limit", "16", "--cache", "kept").exit_code == 0
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.f16")}
    table = probed(*words, "--limit", "16", "--cache", "kept")
    assert table.exit_code == 0 and "none" in table.stdout and times
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "kept").rglob("*.f16")}
    other = probed(*words, "--limit", "24", "--cache", "kept")
    assert isinstance(other.exception, SynthError)
    assert other.exception.message == "cache `kept/train` was recorded with another text: `text, train`"


@pytest.mark.parametrize(
    ("what", "options"),
    [("attention 6 × 32", "--mixer attention --heads 6 --d-k 32"), ("sru", "--mixer sru")],
)
def test_the_next_command_asks_for_the_best_student(what: str, options: str) -> None:
    one = {"kl": 0.1, "layer": 2, "replacement": "any", "what": what}
    other = {"kl": 0.2, "layer": 1, "replacement": "merge-next", "what": "layers 1+2"}
    report = {"findings": [other, one, {"kl": None}], "without": [], "teacher": {"absolute": "RUN"}}
    assert next_step(report).endswith(f"`synth distill-block --block 2 {options} --teacher RUN`")
    assert next_step(report | {"findings": [other]}).endswith("`synth merge-layers 1 2 --teacher RUN`")


def test_what_is_too_weak_to_tell_is_not_recommended() -> None:
    cheap = {"kl": 0.001, "layer": 1, "replacement": "sru", "what": "sru"}
    dear = {"kl": 0.1, "layer": 2, "replacement": "linear", "what": "linear"}
    without = [{"layer": 1, "is_resolved": False}, {"layer": 2, "is_resolved": True}]
    report = {"findings": [cheap, dear], "without": without, "teacher": {"absolute": "RUN"}}
    assert "linear in layer 2" in next_step(report)
    merged = {**cheap, "replacement": "merge-next"}  # with layer 2
    assert "merge-next in layer 1" in next_step(report | {"findings": [merged, dear]})
    assert next_step(report | {"findings": [cheap]}) == (
        "too weak to tell: what a layer's mixer does is below what this text resolves, and nothing is "
        "recommended\nnext: probe a teacher that has learnt more, or other text (`--corpus`)"
    )


def test_the_rise_of_the_loss_is_that_of_the_model_put_together(
    layer: ProbedLayer, text: Calibration
) -> None:
    teacher_layer = layer.teacher_layer
    config = student_config("none", StudentSpec(teacher_layer.teacher.config, "encoder", 1))
    student = STARTS["mean"](teacher_layer, config)
    whole = with_mixers(
        teacher_layer.teacher.model, teacher_layer.teacher.config, {1: (config, student)}, "encoder"
    )
    one = found(layer, "none")["none"]
    batch = text.batch(range(len(text)))
    expected = loss_of(whole, batch) - loss_of(teacher_layer.teacher.model, batch)
    assert one.rise == pytest.approx(expected, rel=0.05, abs=1e-4)
    assert one.rise_interval[0] <= one.rise <= one.rise_interval[1] and one.kl_interval[0] < one.kl
    assert is_resolved((0.1, 0.2)) and not is_resolved((-0.1, 0.2)) and not is_resolved(None)


@torch.no_grad()
def loss_of(model: Any, batch: Any) -> float:
    """Return the mean −log p of the tokens themselves."""
    log_p = logits_of(model, batch).log_softmax(-1).gather(-1, batch["tokens"][..., None])[..., 0]
    return -float((log_p if batch["padding"] is None else log_p[~batch["padding"]]).mean())


REFUSED = {
    "there is no block 3: the model has 3 layers": ["--layers", "3"],
    "`--layers one` is no list of layers": ["--layers", "one"],
    "`--layers 2-1` names no layer": ["--layers", "2-1"],
    "unknown replacement `sru3`": ["-r", "sru3"],
    "`--cache-limit lots` is no size": ["--cache-limit", "lots"],
    "`-o source` is a file": ["-o", "source"],
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_wrong_request_is_refused_before_anything_is_written(model, source, tmp_path, message) -> None:
    (tmp_path / "source").write_text("")
    words = [str(model), "--corpus", "text", "--source", source, "--limit", "16"]
    said = probed(*words, *REFUSED[message])
    assert isinstance(said.exception, SynthError) and said.exception.message == message
    assert not list(tmp_path.glob("probe.*")) and said.exception.hint


def test_a_limit_too_small_leaves_nothing(model: Path, source: str, tmp_path: Path) -> None:
    words = [str(model), "--corpus", "text", "--source", source, "--limit", "16", "--cache-limit", "1KB"]
    said = probed(*words)
    assert (
        isinstance(said.exception, SynthError) and "`--cache-limit` allows 1.0 KiB" in said.exception.message
    )
    assert not list(tmp_path.glob("probe.*"))
