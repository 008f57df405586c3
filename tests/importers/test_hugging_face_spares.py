"""Tensors of BERT and GPT-2 folders that none of ours is made of: read, and refused where they contradict.

What a change of one does to the original is asked of transformers, which opens the changed folder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.hugging_face import import_hugging_face, load_hugging_face

TOKENS = torch.tensor([[3, 1, 7, 7, 2, 9], [0, 5, 4, 8, 6, 10]])
LENGTH = 8
SIZES = {"vocab_size": 19, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3}
BERT: dict[str, Any] = SIZES | {"intermediate_size": 10, "max_position_embeddings": LENGTH}
GPT2: dict[str, Any] = {"vocab_size": 19, "n_embd": 12, "n_layer": 2, "n_head": 3, "n_positions": LENGTH}
CAUSAL = torch.ones(LENGTH, LENGTH).tril()[None, None]


def folder_of(kind: str, folder: Path, more: Mapping[str, Tensor], **options: Any) -> None:
    """Write a small model, random everywhere, with more tensors in its file."""
    is_gpt2 = kind.startswith("GPT2")
    sizes, config = (GPT2, transformers.GPT2Config) if is_gpt2 else (BERT, transformers.BertConfig)
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "eos_token_id": 0} if is_gpt2 else {}
    model = getattr(transformers, kind)(config(**{**sizes, **ends, **options}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    save_file({**load_file(path), **more}, path, metadata={"format": "pt"})


def change(folder: Path, name: str, value: Tensor) -> None:
    path = folder / "model.safetensors"
    save_file({**load_file(path), name: value}, path, metadata={"format": "pt"})


def message_of(folder: Path) -> str:
    with pytest.raises(SynthError) as caught:
        import_hugging_face(folder)
    return caught.value.message


@torch.no_grad()
def equals_transformers(kind: str, folder: Path) -> None:
    theirs = getattr(transformers, kind).from_pretrained(folder).eval()(TOKENS)
    ours = load_hugging_face(folder)(TOKENS)
    expected = theirs.prediction_logits if kind == "BertForPreTraining" else theirs.logits
    torch.testing.assert_close(ours[0] if isinstance(ours, tuple) else ours, expected, rtol=1e-4, atol=1e-5)


REFUSED = [
    (
        "BertForMaskedLM",
        "bert.embeddings.position_ids",
        torch.arange(LENGTH)[None],
        torch.arange(LENGTH).flip(0)[None],
        "holds 7 as position 0, and ours counts 0, 1, 2",
    ),
    (
        "BertForMaskedLM",
        "bert.embeddings.token_type_ids",
        torch.zeros(1, LENGTH, dtype=torch.long),
        torch.ones(1, LENGTH, dtype=torch.long),
        "holds numbers up to 1, and would act",
    ),
    (
        "GPT2LMHeadModel",
        "transformer.h.1.attn.bias",
        CAUSAL,
        torch.ones_like(CAUSAL),
        "holds 1 for query 0 and key 1, which is no causal mask",
    ),
    (
        "GPT2LMHeadModel",
        "transformer.h.0.attn.bias",
        CAUSAL.bool(),
        torch.ones(3, 4),
        "of shape (3, 4) is no mask of queries and keys",
    ),
    (
        "GPT2LMHeadModel",
        "transformer.h.0.attn.masked_bias",
        torch.tensor(-1e4),
        torch.tensor(-3.0),
        "is -3, a score that does not hide a key",
    ),
]


@pytest.mark.parametrize(("kind", "name", "right", "wrong", "problem"), REFUSED)
def test_what_can_be_checked_is(
    kind: str, name: str, right: Tensor, wrong: Tensor, problem: str, tmp_path: Path
) -> None:
    folder_of(kind, tmp_path, {name: right})
    assert name in import_hugging_face(tmp_path).unused
    equals_transformers(kind, tmp_path)
    change(tmp_path, name, wrong)
    assert message_of(tmp_path) == f"`{name}` {problem}"


NEVER_READ = [
    ("BertForPreTraining", "bert.pooler.dense.weight"),
    ("BertForPreTraining", "bert.pooler.dense.bias"),
    ("BertForPreTraining", "cls.seq_relationship.weight"),
    ("BertForPreTraining", "cls.seq_relationship.bias"),
]


@pytest.mark.parametrize(("kind", "name"), NEVER_READ)
def test_what_is_never_read_changes_nothing(kind: str, name: str, tmp_path: Path) -> None:
    folder_of(kind, tmp_path, {})
    tensor = load_file(tmp_path / "model.safetensors")[name]
    change(tmp_path, name, tensor + 1)
    equals_transformers(kind, tmp_path)
    assert name in import_hugging_face(tmp_path).unused
    change(tmp_path, name, torch.full_like(tensor, torch.nan))
    assert message_of(tmp_path) == f"`{name}` holds numbers that are not finite"


@pytest.mark.parametrize("name", ["cls.predictions.bias", "cls.predictions.decoder.bias"])
def test_an_untied_output_has_the_bias_that_transformers_reads(name: str, tmp_path: Path) -> None:
    folder_of("BertForMaskedLM", tmp_path, {}, tie_word_embeddings=False)
    change(tmp_path, name, load_file(tmp_path / "model.safetensors")[name] + 1)
    equals_transformers("BertForMaskedLM", tmp_path)


@pytest.mark.parametrize(
    ("kind", "name", "original"),
    [
        ("BertForMaskedLM", "cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
        ("BertForMaskedLM", "cls.predictions.decoder.bias", "cls.predictions.bias"),
        ("GPT2LMHeadModel", "lm_head.weight", "transformer.wte.weight"),
    ],
)
def test_a_copy_of_a_tied_tensor_has_to_be_one(kind: str, name: str, original: str, tmp_path: Path) -> None:
    folder_of(kind, tmp_path, {})
    tensors = load_file(tmp_path / "model.safetensors")
    assert name not in tensors
    change(tmp_path, name, tensors[original].clone())
    equals_transformers(kind, tmp_path)
    change(tmp_path, name, tensors[original] + 1)
    assert message_of(tmp_path) == f"`{name}` differs from `{original}`, which the configuration ties to it"


@pytest.mark.parametrize(
    "name", ["cls.predictions.bias", "bert.pooler.dense.weight.scale", "embeddings.position_ids.more"]
)
def test_nothing_else_is_left(name: str, tmp_path: Path) -> None:
    folder_of("BertForSequenceClassification", tmp_path, {name: torch.zeros(3)})
    assert message_of(tmp_path).startswith(
        f"the weights hold `{name}`, which the configuration gives no place"
    )
