"""From a checkpoint to a client, back, and out again: ids and figures stay what they are."""

import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from synthcli.data.tokenizers import Tokenizer, load_tokenizer
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.data.tokenizers.hugging_face import load_published
from synthcli.exporters.hugging_face.tokenizer_files import write_tokenizer
from synthcli.training.checkpoints import load_checkpoint, write_model
from tests.cli.conftest import Synth
from tests.data.tokenizers.odd_lines import odd_lines
from tests.exporters.own_code import modules_of_their_own, opened
from tests.exporters.test_hugging_face_tokenizers import KINDS, tokenizer_of
from tests.exporters.tiny_models import config_of, model_of
from tests.importers.test_coming_home import leave_again

LINES = 1_000
TASKS = ("causal-lm", "masked-lm", "seq2seq", "classification")


def client_of(kind: str, task: str, folder: Path) -> transformers.PreTrainedTokenizerBase:
    """Return what a client made of an exported tokenizer: with words and special tokens of its own."""
    folder.mkdir()
    write_tokenizer(tokenizer_of(kind), config_of(task, {}), folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    theirs.add_tokens(["<ent>", "newword", transformers.AddedToken("Ünïword", single_word=True)])
    theirs.add_tokens(["<l>"], special_tokens=True)
    return theirs


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_the_same_at_every_stop(kind: str, tmp_path: Path) -> None:
    task = TASKS[KINDS.index(kind) % len(TASKS)]
    theirs = client_of(kind, task, tmp_path / "left")
    theirs.save_pretrained(tmp_path / "client")
    lines = odd_lines(LINES)
    expected = theirs(lines, add_special_tokens=False)["input_ids"]
    ours = load_published(tmp_path / "client")
    assert ours.encode_batch(lines) == expected
    assert ours.vocab_size == len(theirs) and roles(ours) == roles(tokenizer_of(kind))
    (tmp_path / "saved").mkdir()
    ours.save(tmp_path / "saved")
    again = client_again(load_tokenizer(tmp_path / "saved"), task, tmp_path / "again")
    assert again(lines, add_special_tokens=False)["input_ids"] == expected
    assert again(lines)["input_ids"] == theirs(lines)["input_ids"]
    decoded = [theirs.decode(ids, skip_special_tokens=True) for ids in expected]
    assert [again.decode(ids, skip_special_tokens=True) for ids in expected] == decoded


def client_again(tokenizer: Tokenizer, task: str, folder: Path) -> transformers.PreTrainedTokenizerBase:
    folder.mkdir()
    write_tokenizer(tokenizer, config_of(task, {}), folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


def roles(tokenizer: Tokenizer) -> list[int | None]:
    return [
        tokenizer.pad_id,
        tokenizer.bos_id,
        tokenizer.eos_id,
        tokenizer.unk_id,
        tokenizer.mask_id,
    ]


REVIEWS = [
    ("a fine film, and long", "yes"),
    ("no", "no"),
    ("perhaps the worst of all films", "no"),
    ("it", "yes"),
]
CORPORA: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "causal-lm": ("AutoModelForCausalLM", "perplexity", "csv:text=text", {"mixer": {"heads": 2}}),
    "masked-lm": (
        "AutoModelForMaskedLM",
        "perplexity",
        "csv:text=text",
        {"mixer": {"kind": "sru", "bidirectional": True}, "block": "recurrent", "d_ff": None},
    ),
    "seq2seq": (
        "AutoModelForSeq2SeqLM",
        "perplexity",
        "csv:source=text,target=mood",
        {"mixer": {"heads": 2}},
    ),
    "classification": (
        "AutoModelForSequenceClassification",
        "accuracy",
        "csv:text=text,label=mood",
        {"mixer": {"heads": 2}, "num_classes": 2, "class_names": ("no", "yes")},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", CORPORA)
def test_figures_are_the_same_on_the_same_texts(task: str, here: Path, synth: Synth) -> None:
    """Of a checkpoint, and of what came back of a client that saved it anew."""
    loader, metric, corpus, table = CORPORA[task]
    tokenizer = tokenizer_of("wordpiece") if task == "masked-lm" else ByteTokenizer()
    config = config_of(task, table | {"vocab_size": tokenizer.vocab_size})
    write_model(here / "ours", config, dict(model_of(config).state_dict()), tokenizer)
    (here / "reviews.csv").write_text(
        "text,mood\n" + "".join(f'"{text}",{mood}\n' for text, mood in REVIEWS * 8)
    )
    with modules_of_their_own(here / "modules"):
        left = leave_again(here / "ours", here / "left")
        opened(loader, left).save_pretrained(here / "client")
        read = transformers.AutoTokenizer.from_pretrained(left, trust_remote_code=True)
        read.save_pretrained(here / "client")
    assert synth("import", "client", "-o", "again").code == 0
    assert load_checkpoint(here / "again").tokenizer.kind == "huggingface"
    words = ("--corpus", corpus, "--source", "reviews.csv", "--json")
    results = []
    for checkpoint in ("ours", "again"):
        said = synth("eval", metric, checkpoint, *words)
        assert said.code == 0, said.err
        (result,) = json.loads(said.out)
        results.append({figure["name"]: figure["value"] for figure in result["figures"]})
    assert results[0] == pytest.approx(results[1], rel=1e-5) and results[0]
