"""From what a user writes to a teacher, and the teachers that are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from synthcli.compress.activations.capture import logits_of
from synthcli.compress.teacher import model_hash, open_teacher
from synthcli.data.store.store import Store
from synthcli.errors import SynthError
from synthcli.jobs.compress import teachers
from synthcli.jobs.compress.teachers import find_teacher
from synthcli.model import ModelConfig, build
from synthcli.training.checkpoints import write_model
from synthcli.training.weights import weights_of
from tests.compress.small import bert_config

STACK = {"layers": 2, "max_length": 8}
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def write_checkpoint(folder: Path, config: ModelConfig, store: Store, seed: int = 0) -> nn.Module:
    """Write a model of ours as a checkpoint."""
    torch.manual_seed(seed)
    model = build(config)
    write_model(folder, config, weights_of(model), store.tokenizer)
    return model.eval()


def write_bert(folder: Path, store: Store) -> Any:
    """Write a BERT as its publishers do."""
    sizes = {"vocab_size": store.tokenizer.vocab_size, "hidden_size": 24, "num_hidden_layers": 2}
    options = {"num_attention_heads": 4, "intermediate_size": 32, "max_position_embeddings": 16}
    torch.manual_seed(0)
    model = transformers.BertForMaskedLM(transformers.BertConfig(**sizes, **options)).eval()
    model.save_pretrained(folder)
    for name, content in store.tokenizer.files().items():
        (folder / name).write_bytes(content)
    return model


@pytest.fixture(autouse=True)
def empty_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SYNTH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(teachers, "in_hub_cache", lambda name: None)
    return tmp_path / "runs"


def test_a_checkpoint_is_a_teacher_that_does_not_learn(tmp_path: Path, store: Store) -> None:
    model = write_checkpoint(tmp_path / "mine", bert_config(store.tokenizer.vocab_size), store)
    teacher = find_teacher(str(tmp_path / "mine"))
    tokens = torch.randint(5, 50, (2, 9))
    assert torch.equal(logits_of(teacher.model, {"tokens": tokens}), logits_of(model, {"tokens": tokens}))
    assert not teacher.model.training and not any(p.requires_grad for p in teacher.model.parameters())
    assert teacher.tokenizer.hash == store.tokenizer.hash
    assert teacher.marks == (store.tokenizer.bos_id, store.tokenizer.eos_id, store.tokenizer.pad_id)


def test_a_hugging_face_folder_is_a_teacher(tmp_path: Path, store: Store) -> None:
    theirs = write_bert(tmp_path / "bert", store)
    teacher = find_teacher(str(tmp_path / "bert"))
    tokens = torch.randint(5, 50, (2, 9))
    logits = logits_of(teacher.model, {"tokens": tokens})
    torch.testing.assert_close(logits, theirs(tokens).logits, **CLOSE)
    assert teacher.tokenizer.kind == "huggingface"
    assert teacher.reads_like(store.tokenizer.hash) and not teacher.reads_like("another")


def test_a_hash_is_that_of_weights_and_configuration(tmp_path: Path, store: Store) -> None:
    size = store.tokenizer.vocab_size
    variants = {
        "a": (bert_config(size), 0),
        "b": (bert_config(size), 1),
        "c": (bert_config(size, dropout=0), 0),
    }
    for name, (config, seed) in variants.items():
        write_checkpoint(tmp_path / name, config, store, seed)
    hashes = [open_teacher(tmp_path / name).hash for name in (*variants, "a")]
    assert len(set(hashes)) == 3 and hashes[0] == hashes[3]


def test_the_cached_bert_comes_where_there_is_no_run(tmp_path: Path, store: Store, monkeypatch) -> None:
    write_bert(tmp_path / "snapshot", store)
    monkeypatch.setattr(teachers, "in_hub_cache", {"bert-base-uncased": tmp_path / "snapshot"}.get)
    assert find_teacher().path == find_teacher("bert-base-uncased").path == tmp_path / "snapshot"


def test_without_any_teacher_the_message_says_how_to_get_one(empty_runs: Path) -> None:
    with pytest.raises(SynthError) as error:
        find_teacher()
    assert str(error.value) == (
        f"there is no encoder in `{empty_runs}`, and `bert-base-uncased` is not in the hub's cache\n"
        "hint: `synth train bert-base-wikitext-2` makes one, or name a run or a folder of a model"
    )


def test_a_word_that_names_nothing_is_refused() -> None:
    with pytest.raises(SynthError, match="unknown teacher `nowhere`") as error:
        find_teacher("nowhere")
    assert error.value.hint == "`synth train PRESET` makes a run with one, or a folder"


def test_a_foreign_model_of_an_unknown_kind_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(SynthError) as error:
        find_teacher(str(tmp_path))
    assert error.value.message == f'`model_type = "t5"` of `{tmp_path / "config.json"}`'
    assert error.value.hint == "known: `bert`, `gpt2`"


def test_an_encoder_decoder_is_refused_by_name(tmp_path: Path, store: Store) -> None:
    stacks = {"encoder": {"layers": 1, "max_length": 8}, "decoder": {"layers": 1, "max_length": 8}}
    table = {"task": "seq2seq", "vocab_size": store.tokenizer.vocab_size, "d_model": 16, "d_ff": 16}
    write_checkpoint(tmp_path / "mine", ModelConfig.model_validate(table | stacks), store)
    with pytest.raises(SynthError, match="is a `seq2seq` model") as error:
        find_teacher(str(tmp_path / "mine"))
    assert error.value.hint == "teachers are for `masked-lm`, `causal-lm`, `classification`"


def test_a_folder_without_a_vocabulary_is_refused(tmp_path: Path, store: Store) -> None:
    write_bert(tmp_path / "bert", store)
    (tmp_path / "bert" / "vocab.txt").unlink()
    with pytest.raises(SynthError, match=r"vocab\.txt"):
        find_teacher(str(tmp_path / "bert"))


def test_a_file_is_no_teacher(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SynthError, match="is no folder"):
        open_teacher(tmp_path / "file")


# what the version before classes had names, and before layers could leave maps out, made of models of zeros
HASHES: dict[str, tuple[dict[str, Any], str]] = {
    "classifier": (
        {"task": "classification", "num_classes": 3, "mixer": {"heads": 2}, "encoder": STACK},
        "b1013471b7b99c5d",
    ),
    "parallel": (
        {"task": "causal-lm", "block": "skipless-parallel", "mixer": {"heads": 2}, "decoder": STACK},
        "9453f4a9fba4aba8",
    ),
    "srupp": (
        {
            "task": "causal-lm",
            "d_ff": None,
            "block": "recurrent",
            "mixer": {"kind": "srupp", "projection": 2, "heads": 1},
            "embeddings": {"positions": "none"},
            "decoder": STACK,
        },
        "8e0192ce8ffd7d82",
    ),
    "seq2seq": (
        {"task": "seq2seq", "mixer": {"heads": 2}, "encoder": STACK, "decoder": STACK},
        "f8584fdc0d23c63b",
    ),
}


@pytest.mark.parametrize("name", HASHES)
def test_settings_that_came_later_leave_a_teachers_hash_alone(name: str) -> None:
    table, expected = HASHES[name]
    config = ModelConfig.model_validate({"vocab_size": 9, "d_model": 4, "d_ff": 8} | table)
    assert model_hash(config, zeros(config))[:16] == expected


def test_settings_that_change_something_change_the_hash() -> None:
    table, _ = HASHES["classifier"]
    tables = [
        table,
        table | {"class_names": ("a", "b", "c")},
        table | {"class_names": ("b", "a", "c")},
        table | {"block": {"kind": "pre-norm", "skip_from": "norm"}},
    ]
    configs = [ModelConfig.model_validate({"vocab_size": 9, "d_model": 4, "d_ff": 8} | one) for one in tables]
    assert len({model_hash(config, zeros(config)) for config in configs}) == 4


def zeros(config: ModelConfig) -> nn.Module:
    model = build(config)
    for tensor in model.state_dict().values():
        tensor.zero_()
    return model
