"""`synth import`: what it asks for, what it refuses, and the folders it reads."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from synthcli.training.checkpoints import load_checkpoint, model_of
from tests.cli.conftest import Synth
from tests.importers.golden import group, recorded

SIMPLIFIED = (
    "default",
    "default_parallel",
    "op",
    "skipless",
    "skipless_parallel",
    "skipless_parallel_nonorm",
    "trainable_value_gains",
    "value_skipinit",
)


def saved(weights: dict[str, Tensor], path: Path) -> str:
    """Write a state dict as its repository does, or as safetensors."""
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path)
    return str(path)


def loaded(folder: str) -> nn.Module:
    return model_of(load_checkpoint(Path(folder)))


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_a_trainers_folder_of_simplified_blocks(name: str, shared: Path, here: Path, synth: Synth) -> None:
    """Its `config.json` says it all; what else a trainer leaves there, pickles among it, stays closed."""
    options, tensors = recorded(shared / "golden" / f"simplified_{name}.safetensors")
    weights = {f"transformer.{key}": tensor for key, tensor in group(tensors, "weights.").items()}
    weights["lm_head.weight"] = weights["transformer.wte.weight"].clone()
    folder = here / "checkpoint-10000"
    folder.mkdir()
    torch.save(weights, folder / "pytorch_model.bin")
    for other in ("optimizer.pt", "training_args.bin", "rng_state.pth"):
        torch.save({"a": Path}, folder / other)
    words = {"True": True, "False": False, "None": None}
    table = {key: words[value] if value in words else number(value) for key, value in options.items()}
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", **table}))
    fixed = group(tensors, "fixed.")
    if fixed and options["val_init_type"] != "id":
        saved(fixed, folder / "fixed.pt")
    more = ["--option", "fixed=fixed.pt"] if (folder / "fixed.pt").exists() else []
    said = synth("import", str(folder), "--from", "simplified-blocks", "-o", "taken", *more)
    assert said.code == 0, said.err
    assert "`parallel_layers = " in said.err.partition("read off the weights")[0]
    logits, _ = loaded("taken")(tensors["input_ids"])
    close(logits, tensors["expected.logits"])


def number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


@pytest.mark.parametrize("origin", ["srupp", "synthesizer", "simplified-blocks", "bert-blocks"])
def test_another_models_weights_are_refused(origin: str, here: Path, synth: Synth) -> None:
    saved({"something.else": torch.zeros(2, 2)}, here / "model.pt")
    said = synth("import", "model.pt", "--from", origin, "-o", "taken")
    assert said.code == 2
    assert "error: " in said.err and "hint: " in said.err and "Traceback" not in said.err
    assert not (here / "taken").exists()


def test_what_no_weight_shows_is_asked_for(shared: Path, here: Path, synth: Synth) -> None:
    _, tensors = recorded(shared / "golden" / "synthesizer_seq2seq_vanilla.safetensors")
    saved(group(tensors, "weights."), here / "model.bin")
    said = synth("import", "model.bin", "--from", "synthesizer")
    assert said.err == (
        "error: no weight shows `n_heads`: heads share one matrix\nhint: say it: `--heads 8`\n"
    )
    _, tensors = recorded(shared / "golden" / "simplified_default.safetensors")
    saved(group(tensors, "weights."), here / "blocks.pt")
    said = synth("import", "blocks.pt", "--from", "simplified-blocks")
    assert said.code == 2
    assert said.err.startswith("error: no weight shows `parallel_layers`: both wirings have the same tensors")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.pt", "--from", "rwkv"], "unknown origin `rwkv`"),
        (["model.pt", "--option", "a=b"], "unknown option `a` of `--from hf`"),
        (["model.pt", "--from", "srupp", "--option", "a"], "`--option a` is not `KEY=VALUE`"),
        (["model.pt", "--heads", "2"], "`--from hf` reads heads off the file"),
        (["model.pt", "--from", "srupp", "--heads", "x"], "`--heads x` is no number above 0, or several"),
        (["nothing.pt"], "there is nothing at `nothing.pt`"),
        (["model.pt"], "`model.pt` is a file, and `--from hf` reads a folder"),
        (["model.pt", "-o", "there"], "`there` exists already"),
        (["model.pt", "--from", "srupp", "--base", "x"], "`--from srupp` takes no `--base`"),
        (["other.txt", "--from", "srupp"], "`other.txt` is of no kind known to hold weights"),
    ],
)
def test_wrong_requests(words: list[str], message: str, here: Path, synth: Synth) -> None:
    torch.save({"a": torch.zeros(1)}, here / "model.pt")
    (here / "other.txt").write_text("text")
    (here / "there").mkdir()
    said = synth("import", *words)
    assert said.code == 2
    assert said.err.startswith(f"error: {message}\nhint: "), said.err
    assert not (here / "imported").exists()


def test_options_of_an_origin_are_listed(synth: Synth) -> None:
    said = synth("import", "--from", "simplified-blocks")
    assert said.code == 0
    assert "centre_attn" in said.out
