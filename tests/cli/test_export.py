"""`synth export`: a folder and its certificate, or nothing."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synthcli import disk, exporters
from synthcli.exporters.export_bundle import ExportBundle, ExportOptions
from synthcli.exporters.safetensors_export import write_tensors
from synthcli.model import ModelConfig
from synthcli.training.checkpoints import load_model
from tests.exporters.tiny_models import FAMILIES, checkpoint_of, config_of

from .conftest import Synth

pytestmark = pytest.mark.slow

Write = Callable[[ExportBundle, Path, ExportOptions], None]


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)


@pytest.fixture
def model(here: Path, one_thread: None) -> Path:
    """The checkpoint of a small skipless model, outside a run."""
    config = config_of("causal-lm", FAMILIES["simplified-blocks"])
    return checkpoint_of(here / "small", config)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Write], None]:
    """Put something else in the place of what writes `safetensors`."""

    def use(write: Write) -> None:
        exporter = replace(exporters.EXPORTERS["safetensors"], write=write)
        monkeypatch.setitem(exporters.EXPORTERS, "safetensors", exporter)

    return use


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folded_checkpoint_leaves_with_a_certificate(synth: Synth, model: Path, here: Path) -> None:
    said = synth("export", str(model), "--to", "safetensors")
    assert said.code == 0, said.err
    target = here / "small-safetensors"
    assert names_in(target) == [
        "PARITY.json",
        "config.json",
        "manifest.json",
        "model.safetensors",
        "tokenizer.synth.json",
    ]
    report = json.loads((target / "PARITY.json").read_text())
    assert report["holds"] and report["max_difference"] < report["allowed_difference"] < 1e-4
    assert [(case["batch"], case["length"]) for case in report["cases"]] == [(1, 7), (3, 19), (2, 61)]
    assert "folded: gains mixer_residual, feed_forward_residual are part of the maps" in said.err
    assert "wrote `small-safetensors`, certificate `small-safetensors/PARITY.json`" in said.err
    ours, _ = load_model(model)
    theirs, _ = load_model(target)
    tokens = torch.arange(11)[None]
    torch.testing.assert_close(theirs(tokens)[0], ours(tokens)[0], rtol=1e-5, atol=1e-5)


def test_json_says_the_same(synth: Synth, model: Path) -> None:
    said = synth("export", str(model), "--to", "safetensors", "--no-fold", "-o", "kept", "--json")
    table = json.loads(said.out)
    assert (table["path"], table["format"], table["folded"]) == ("kept", "safetensors", [])
    assert table["parameters"] == table["trained_parameters"] > 0
    assert table["certificate"]["max_difference"] == 0
    assert table["files"].keys() == {*names_in(Path("kept"))}
    assert (Path("kept") / "config.json").read_text() == (model / "config.json").read_text()


def test_what_computes_something_else_is_not_written(
    synth: Synth, model: Path, here: Path, writes: Callable[[Write], None]
) -> None:
    def damaged(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
        with torch.no_grad():
            next(bundle.model.parameters())[5] += 0.1
        write_tensors(bundle, folder, options)

    writes(damaged)
    said = synth("export", str(model), "--to", "safetensors", "-o", "out")
    assert said.code == 1
    assert said.err.startswith("error: the exported model computes something else: logits differ by up to ")
    assert "hint: nothing was written; the checkpoint is as it was" in said.err
    assert names_in(here) == ["small"]


def test_tensors_that_were_changed_on_the_way_are_noticed(
    synth: Synth, model: Path, here: Path, writes: Callable[[Write], None]
) -> None:
    def flipped(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
        write_tensors(bundle, folder, options)
        path = folder / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1  # the sign or the exponent of one number
        path.write_bytes(content)

    writes(flipped)
    said = synth("export", str(model), "--to", "safetensors", "-o", "out")
    assert said.code == 1 and "tensors differ from those of the model: " in said.err
    assert names_in(here) == ["small"]


def test_an_interrupted_export_leaves_nothing(
    synth: Synth, model: Path, here: Path, writes: Callable[[Write], None]
) -> None:
    def full(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
        write_tensors(bundle, folder, options)
        raise OSError(28, "No space left on device")

    writes(full)
    said = synth("export", str(model), "--to", "safetensors", "-o", "out")
    assert said.code == 1 and f"export `out` could not be written: the disk of `{here}` is full" in said.err
    assert names_in(here) == ["small"]


def test_a_folder_in_the_way_is_refused_and_replaced_whole_on_demand(
    synth: Synth, model: Path, here: Path
) -> None:
    words = ("export", str(model), "--to", "safetensors", "-o", "out")
    assert synth(*words).code == 0
    (here / "out" / "left over").write_text("")
    said = synth(*words)
    assert said.code == 2
    assert said.err == (
        "error: `out` exists\nhint: name another folder with `-o`, or replace it with `--force`\n"
    )
    assert synth(*words, "--force").code == 0
    assert "left over" not in names_in(here / "out")
    assert names_in(here) == ["out", "small"]


def test_force_replaces_exports_alone(synth: Synth, model: Path, here: Path) -> None:
    said = synth("export", str(model), "--to", "safetensors", "-o", "small", "--force")
    assert said.code == 2
    assert "`small` is no export: it has no `PARITY.json`, and `--force` replaces nothing else" in said.err
    (here / "file").write_text("")
    said = synth("export", str(model), "--to", "safetensors", "-o", "file", "--force")
    assert said.code == 2 and "`file` exists and is no folder" in said.err
    said = synth("export", str(model), "--to", "safetensors", "-o", "small")
    assert said.err == "error: `small` exists\nhint: name another folder with `-o`\n"


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(
    synth: Synth, model: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "file").write_text("")
    words = ("export", str(model), "--to", "safetensors", "-o")
    said = synth(*words, "file/deep/out")
    message = f"error: `file/deep/out` cannot be written: `{here / 'file'}` is no folder\n"
    assert (said.code, said.err) == (2, f"{message}hint: move it away, or name another folder with `-o`\n")

    def refused(**where: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(disk, "TemporaryFile", refused)
    said = synth(*words, "new/out")
    message = f"error: `new/out` cannot be written: nothing may be written in `{here}`\n"
    assert (said.code, said.err) == (
        2,
        f"{message}hint: make it writable, or name another folder with `-o`\n",
    )
    assert names_in(here) == ["file", "small"]


def test_a_failed_replacement_keeps_what_was_there(
    synth: Synth, model: Path, here: Path, writes: Callable[[Write], None]
) -> None:
    words = ("export", str(model), "--to", "safetensors", "-o", "out")
    assert synth(*words).code == 0
    before = {path.name: path.read_bytes() for path in (here / "out").iterdir()}

    def nothing(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
        raise OSError(5, "Input/output error")

    writes(nothing)
    assert synth(*words, "--force").code == 1
    assert {path.name: path.read_bytes() for path in (here / "out").iterdir()} == before
    assert names_in(here) == ["out", "small"]


def test_an_unknown_format_and_a_missing_package_are_named(
    synth: Synth, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = synth("export", str(model), "--to", "onx")
    assert (said.code, said.err) == (2, "error: unknown format `onx`\nhint: did you mean `onnx`?\n")
    needing = replace(exporters.EXPORTERS["onnx"], needs=("onnx", "no_such_package"))
    monkeypatch.setitem(exporters.EXPORTERS, "onnx", needing)
    said = synth("export", str(model), "--to", "onnx")
    assert said.code == 2
    assert said.err == ("error: `--to onnx` needs `no_such_package`\nhint: pip install 'synthcli[onnx]'\n")


def test_the_process_that_proves_refuses_the_project(
    synth: Synth, model: Path, here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from synthcli.exporters import parity_report

    scripts = tmp_path / "parity"
    scripts.mkdir()
    for name in ("__init__.py", "__main__.py", "reference.py"):
        (scripts / name).write_text((parity_report.SCRIPTS / name).read_text())
    (scripts / "safetensors_folder.py").write_text("import synthcli.model\n")
    monkeypatch.setattr(parity_report, "SCRIPTS", scripts)
    said = synth("export", str(model), "--to", "safetensors", "-o", "out")
    assert said.code == 1
    assert "`synthcli` was imported, and an exported folder must do without it" in said.err
    assert not (here / "out").exists()


def test_the_newest_checkpoint_is_the_default_and_its_card_has_its_figures(
    synth: Synth, tiny: str, here: Path, one_thread: None
) -> None:
    assert synth("train", tiny).code == 0
    assert synth("eval", "bleu", "--beam", "1", "--limit", "5").code == 0
    seen: list[ExportBundle] = []

    def noted(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
        seen.append(bundle)
        write_tensors(bundle, folder, options)

    exporter = exporters.EXPORTERS["safetensors"]
    exporters.EXPORTERS["safetensors"] = replace(exporter, write=noted)
    try:
        said = synth("export", "--to", "safetensors")
    finally:
        exporters.EXPORTERS["safetensors"] = exporter
    assert said.code == 0, said.err
    assert said.err.startswith("checkpoint: `") and "`, the newest\n" in said.err
    assert (here / "tiny-safetensors" / "manifest.json").is_file()
    (card,) = (bundle.card for bundle in seen)
    assert (card.recipe, card.corpus, card.step) == (None, "reverse", 6)  # no preset of the library
    assert card.corpus_licence and card.paper and card.paper_url
    bleu = next(metric for metric in card.metrics if metric.name == "bleu")
    assert (bleu.samples, bleu.split, bleu.corpus) == (5, "test", "reverse") and bleu.protocol


def test_a_checkpoint_of_every_task_leaves(synth: Synth, here: Path, one_thread: None) -> None:
    for task in ("masked-lm", "seq2seq", "classification"):
        config: ModelConfig = config_of(task, FAMILIES["bert-blocks"])
        checkpoint_of(here / task, config)
        said = synth("export", task, "--to", "safetensors")
        assert said.code == 0, said.err
        assert json.loads((here / f"{task}-safetensors" / "PARITY.json").read_text())["holds"]
