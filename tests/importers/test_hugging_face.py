"""Hugging Face folders: our logits equal those of transformers, and what does not fit is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.importers.hugging_face import import_hugging_face, load_hugging_face

VOCABULARY, LENGTH, BATCH = 61, 11, 3
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}  # float32, two layers

BERT_CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "relu": {"hidden_act": "relu", "layer_norm_eps": 1e-5},
    "gelu-tanh": {"hidden_act": "gelu_new", "num_hidden_layers": 1, "type_vocab_size": 3},
    "untied": {"tie_word_embeddings": False},
}
GPT2_CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "wide": {"n_inner": 40, "n_head": 2, "layer_norm_epsilon": 1e-4},
    "silu": {"activation_function": "silu", "n_layer": 1},
    "untied": {"tie_word_embeddings": False},
}


def _randomised(model: nn.Module) -> nn.Module:
    """Give every parameter a value far from its initial one: biases, norms and all."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def _bert(kind: str, **options: Any) -> nn.Module:
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 32,
        "max_position_embeddings": 16,
    }
    torch.manual_seed(1)
    return _randomised(getattr(transformers, kind)(transformers.BertConfig(**(sizes | options))))


def _gpt2(kind: str, **options: Any) -> nn.Module:
    sizes = {"vocab_size": VOCABULARY, "n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 16}
    ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    torch.manual_seed(1)
    return _randomised(getattr(transformers, kind)(transformers.GPT2Config(**(sizes | ends | options))))


def _batch() -> tuple[Tensor, Tensor]:
    """Return tokens and padding: rows of 11, 7 and 1 real tokens."""
    torch.manual_seed(2)
    tokens = torch.randint(VOCABULARY, (BATCH, LENGTH))
    padding = torch.arange(LENGTH) >= torch.tensor([[LENGTH], [7], [1]])
    return tokens, padding


def _message(folder: Path) -> str:
    with pytest.raises(SynthError) as caught:
        import_hugging_face(folder)
    return caught.value.message


@pytest.mark.parametrize("name", BERT_CONFIGS)
@torch.no_grad()
def test_bert_masked_lm_equals_transformers(name: str, tmp_path: Path) -> None:
    theirs = _bert("BertForMaskedLM", **BERT_CONFIGS[name])
    theirs.save_pretrained(tmp_path)
    ours = load_hugging_face(tmp_path)
    tokens, padding = _batch()
    types = (torch.arange(LENGTH) > 4).long().expand(BATCH, -1)
    expected = theirs(tokens, attention_mask=(~padding).long(), token_type_ids=types).logits
    logits = ours(tokens, padding=padding, token_types=types)
    torch.testing.assert_close(logits[~padding], expected[~padding], **TOLERANCE)
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits, **TOLERANCE)


@pytest.mark.parametrize("classes", [3, 1])
@torch.no_grad()
def test_bert_classifier_equals_transformers(classes: int, tmp_path: Path) -> None:
    theirs = _bert("BertForSequenceClassification", num_labels=classes)
    theirs.save_pretrained(tmp_path)
    ours = load_hugging_face(tmp_path)
    tokens, padding = _batch()
    types = (torch.arange(LENGTH) > 4).long().expand(BATCH, -1)
    expected = theirs(tokens, attention_mask=(~padding).long(), token_type_ids=types).logits
    logits = ours(tokens, padding=padding, token_types=types)
    torch.testing.assert_close(logits.reshape(expected.shape), expected, **TOLERANCE)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ({0: "no", 1: "yes", 2: "perhaps"}, ("no", "yes", "perhaps")),
        ({0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}, None),
    ],
)
def test_the_names_of_classes_are_those_of_id2label(
    labels: dict[int, str], names: tuple[str, ...] | None, tmp_path: Path
) -> None:
    back = {name: number for number, name in labels.items()}
    _bert("BertForSequenceClassification", id2label=labels, label2id=back).save_pretrained(tmp_path)
    assert import_hugging_face(tmp_path).config.class_names == names


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("id2label", {"0": "no", "1": "yes"}, "a name of its own for each of the classes 0 to 2"),
        ("id2label", {"0": "no", "1": "yes", "2": "no"}, "a name of its own for each of the classes 0 to 2"),
        ("id2label", {"1": "no", "2": "yes", "3": "so"}, "a name of its own for each of the classes 0 to 2"),
        ("id2label", ["no", "yes", "so"], "a table of names"),
        ("id2label", {"0": "no", "1": "yes", "2": 7}, "a table of names"),
        ("label2id", {"no": 1, "yes": 0, "so": 2}, "`id2label` the other way round"),
    ],
)
def test_names_that_do_not_fit_the_classes_are_refused(
    key: str, value: object, wanted: str, tmp_path: Path
) -> None:
    _bert("BertForSequenceClassification", num_labels=3).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    named = {"id2label": {"0": "no", "1": "yes", "2": "so"}, "label2id": {"no": 0, "yes": 1, "so": 2}}
    path.write_text(json.dumps(json.loads(path.read_text()) | named | {key: value}))
    with pytest.raises(SynthError) as error:
        import_hugging_face(tmp_path)
    assert error.value.message == f"`{key} = {json.dumps(value)}` of `{path}` is not {wanted}"


@torch.no_grad()
def test_a_bare_bert_becomes_an_encoder_whose_logits_are_h_e(tmp_path: Path) -> None:
    theirs = _bert("BertModel")
    theirs.save_pretrained(tmp_path)
    imported = import_hugging_face(tmp_path)
    assert imported.unused == ("pooler.dense.bias", "pooler.dense.weight")
    tokens, padding = _batch()
    hidden = theirs(tokens, attention_mask=(~padding).long()).last_hidden_state
    expected = hidden @ theirs.embeddings.word_embeddings.weight.T
    logits = load_hugging_face(tmp_path)(tokens, padding=padding)
    torch.testing.assert_close(logits[~padding], expected[~padding], **TOLERANCE)


@torch.no_grad()
def test_pretrained_bert_leaves_its_sentence_head(tmp_path: Path) -> None:
    theirs = _bert("BertForPreTraining")
    theirs.save_pretrained(tmp_path)
    unused = import_hugging_face(tmp_path).unused
    assert [name.split(".")[-2] for name in unused] == ["dense", "dense", *["seq_relationship"] * 2]
    tokens, _ = _batch()
    torch.testing.assert_close(
        load_hugging_face(tmp_path)(tokens), theirs(tokens).prediction_logits, **TOLERANCE
    )


@torch.no_grad()
def test_old_names_of_norms_and_copies_of_tied_tensors(tmp_path: Path) -> None:
    """The files of the first BERTs: gamma and beta, tied tensors twice, positions as numbers."""
    theirs = _bert("BertForMaskedLM")
    theirs.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors.items()
    }
    old["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].clone()
    old["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].clone()
    old["bert.embeddings.position_ids"] = torch.arange(16)[None]
    save_file(old, tmp_path / "model.safetensors")
    assert import_hugging_face(tmp_path).unused == ("bert.embeddings.position_ids",)
    tokens, _ = _batch()
    torch.testing.assert_close(load_hugging_face(tmp_path)(tokens), theirs(tokens).logits, **TOLERANCE)

    old["cls.predictions.decoder.weight"][0, 0] += 1
    save_file(old, tmp_path / "model.safetensors")
    assert _message(tmp_path) == (
        "`cls.predictions.decoder.weight` differs from `bert.embeddings.word_embeddings.weight`, "
        "which the configuration ties to it"
    )


@pytest.mark.parametrize("name", GPT2_CONFIGS)
@pytest.mark.parametrize("is_sharded", [False, True])
@torch.no_grad()
def test_gpt2_equals_transformers(name: str, is_sharded: bool, tmp_path: Path) -> None:
    theirs = _gpt2("GPT2LMHeadModel", **GPT2_CONFIGS[name])
    theirs.save_pretrained(tmp_path, max_shard_size="10KB" if is_sharded else "1GB")
    assert (tmp_path / "model.safetensors.index.json").exists() == is_sharded
    tokens, padding = _batch()
    expected = theirs(tokens, attention_mask=(~padding).long()).logits
    logits, _ = load_hugging_face(tmp_path)(tokens, padding=padding)
    torch.testing.assert_close(logits[~padding], expected[~padding], **TOLERANCE)


@torch.no_grad()
def test_a_bare_gpt2_with_its_masks(tmp_path: Path) -> None:
    """The folder of the first GPT-2s: no prefix, causal masks beside the weights."""
    theirs = _gpt2("GPT2Model")
    theirs.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["h.0.attn.bias"] = torch.ones(16, 16).tril()[None, None]
    save_file(tensors, tmp_path / "model.safetensors")
    _edit(tmp_path, architectures=["GPT2LMHeadModel"])
    assert import_hugging_face(tmp_path).unused == ("h.0.attn.bias",)
    tokens, _ = _batch()
    expected = theirs(tokens).last_hidden_state @ theirs.wte.weight.T
    torch.testing.assert_close(load_hugging_face(tmp_path)(tokens)[0], expected, **TOLERANCE)


def _edit(folder: Path, **options: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | options))


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    _bert("BertForMaskedLM").save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def gpt2(tmp_path: Path) -> Path:
    _gpt2("GPT2LMHeadModel").save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"position_embedding_type": "relative_key"},
            '`position_embedding_type = "relative_key"` of `{}` cannot be expressed',
        ),
        ({"is_decoder": True}, "`is_decoder = true` of `{}` cannot be expressed"),
        ({"hidden_act": "gelu_10"}, '`hidden_act = "gelu_10"` of `{}`'),
        ({"hidden_size": "24"}, '`hidden_size = "24"` of `{}` is not a positive whole number'),
        (
            {"architectures": ["BertForQuestionAnswering"]},
            "a model `BertForQuestionAnswering` cannot be imported (`{}`)",
        ),
        ({"model_type": "roberta"}, '`model_type = "roberta"` of `{}`'),
        ({"num_hidden_layers": 3}, "the weights lack "),
        ({"num_hidden_layers": 1}, "the weights hold "),
        ({"vocab_size": 60}, "`bert.embeddings.word_embeddings.weight` gives a tensor of shape (61, 24)"),
        ({"num_attention_heads": 5}, "`{}` describes no model of ours: "),
    ],
)
def test_a_bert_that_is_not_ours_is_refused_by_name(
    options: dict[str, Any], message: str, bert: Path
) -> None:
    _edit(bert, **options)
    assert _message(bert).startswith(message.format(bert / "config.json"))


@pytest.mark.parametrize("key", ["scale_attn_by_inverse_layer_idx", "add_cross_attention"])
def test_a_gpt2_that_is_not_ours_is_refused_by_name(key: str, gpt2: Path) -> None:
    _edit(gpt2, **{key: True})
    assert _message(gpt2) == f"`{key} = true` of `{gpt2 / 'config.json'}` cannot be expressed"


@torch.no_grad()
def test_weights_as_a_pickle_of_tensors(bert: Path) -> None:
    """The folders of before; a pickle of anything else is refused, and nothing of it runs."""
    tokens, _ = _batch()
    expected = load_hugging_face(bert)(tokens)
    torch.save(load_file(bert / "model.safetensors"), bert / "pytorch_model.bin")
    (bert / "model.safetensors").unlink()
    assert torch.equal(load_hugging_face(bert)(tokens), expected)
    torch.save({"weights": Path}, bert / "pytorch_model.bin")
    assert _message(bert) == (
        f"`{bert / 'pytorch_model.bin'}` is a pickle of more than tensors, which could run any code: "
        "nothing of it was run"
    )
    (bert / "pytorch_model.bin").unlink()
    assert _message(bert) == f"`{bert}` holds no weights"


def test_damaged_files_are_one_message(gpt2: Path) -> None:
    weights, config = gpt2 / "model.safetensors", gpt2 / "config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert _message(gpt2) == f"`{weights}` is not a whole safetensors file"
    config.write_text(config.read_text()[:-20])
    assert _message(gpt2) == f"`{config}` cannot be read as JSON"
    config.write_text("[]")
    assert _message(gpt2) == f"`{config}` holds no table of options"
    config.write_text("{}")
    assert _message(gpt2) == f"`{config}` names no `model_type`"
    config.unlink()
    assert _message(gpt2) == f"`{gpt2}` holds no `config.json`"
    assert _message(gpt2 / "absent") == f"there is no folder `{gpt2 / 'absent'}`"


def test_damaged_shards_are_one_message(tmp_path: Path) -> None:
    _gpt2("GPT2LMHeadModel").save_pretrained(tmp_path, max_shard_size="10KB")
    index = tmp_path / "model.safetensors.index.json"
    whole = json.loads(index.read_text())
    name, place = next(iter(whole["weight_map"].items()))

    index.write_text(json.dumps({"weight_map": whole["weight_map"] | {name: "../elsewhere.safetensors"}}))
    assert _message(tmp_path) == f"`{index}` names the file `../elsewhere.safetensors` outside its folder"
    index.write_text(json.dumps({"weight_map": whole["weight_map"] | {"another": place}}))
    assert _message(tmp_path) == f"`{tmp_path / place}` does not hold the tensors that its index lists"
    index.write_text(json.dumps({"weight_map": []}))
    assert _message(tmp_path) == f"`{index}` is not an index of safetensors files"
    index.write_text(json.dumps(whole))
    (tmp_path / place).unlink()
    assert _message(tmp_path) == f"`{tmp_path}` lacks `{place}`, which its index names"
