"""Checkpoints that no training wrote: every reader takes them, no training goes on from them."""

from pathlib import Path

import pytest
import torch

from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.errors import SynthError
from synthcli.training.checkpoints import load_checkpoint, load_model, write_model
from synthcli.training.weights import weights_of
from tests.training.toys import toy_callbacks, toy_config, toy_model, toy_train

TIED = {"embeddings": {"tie": "output"}}


def test_a_written_model_computes_what_it_did(tmp_path: Path) -> None:
    model = toy_model(dropout=0.0).eval()
    folder = tmp_path / "new" / "step-00000003"
    write_model(folder, model.config, weights_of(model), ByteTokenizer(), 3, {"note.txt": "made"})
    again, tokenizer = load_model(folder)
    tokens = torch.randint(4, 200, (2, 5))
    assert torch.equal(again(tokens)[0], model(tokens)[0])
    assert tokenizer.kind == "bytes"
    assert load_checkpoint(folder).step == 3
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "manifest.json",
        "model.safetensors",
        "note.txt",
        "tokenizer.synth.json",
    }


def test_a_tied_tensor_may_have_each_of_its_names(tmp_path: Path) -> None:
    model = toy_model(**TIED)
    weights = dict(model.state_dict())
    assert len(weights) > len(weights_of(model))
    write_model(tmp_path / "both", model.config, weights, None)
    first = weights.pop("embeddings.tokens.weight")
    write_model(tmp_path / "second", model.config, weights, None)
    for name in ("both", "second"):
        written = load_checkpoint(tmp_path / name).weights
        assert written.keys() == weights_of(model).keys()
        assert torch.equal(written["embeddings.tokens.weight"], first)


def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    model = toy_model(**TIED)
    weights = dict(model.state_dict())
    changed = {**weights, "head.weight": weights["head.weight"] + 1}
    cases = {
        "differs from `embeddings.tokens.weight`": changed,
        "lacks `decoder.norm.weight`": {n: t for n, t in weights.items() if n != "decoder.norm.weight"},
        "holds `extra`": {**weights, "extra": torch.zeros(1)},
        "has the shape (9,), the model's is (8,)": {**weights, "decoder.norm.weight": torch.zeros(9)},
    }
    for words, wrong in cases.items():
        with pytest.raises(SynthError) as caught:
            write_model(tmp_path / "none", model.config, wrong, None)
        assert words in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_without_a_tokenizer_text_is_refused(tmp_path: Path) -> None:
    model = toy_model()
    write_model(tmp_path / "bare", model.config, weights_of(model), None)
    with pytest.raises(SynthError) as caught:
        _ = load_checkpoint(tmp_path / "bare").tokenizer
    assert caught.value.message == f"checkpoint `{tmp_path / 'bare'}` has no tokenizer: it cannot read text"


def test_no_training_goes_on_from_it(tmp_path: Path) -> None:
    model = toy_model()
    folder = tmp_path / "checkpoints" / "step-00000000"
    write_model(folder, model.config, weights_of(model), ByteTokenizer())
    with pytest.raises(SynthError) as caught:
        toy_train(
            toy_model(), toy_config(), callbacks=toy_callbacks(tmp_path), resume=load_checkpoint(folder)
        )
    assert caught.value.message == f"checkpoint `{folder}` has no training to go on with"
