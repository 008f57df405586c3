"""Tokenizers come in and go out again: at every stop ids and texts are those of the publisher's folder."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow
import pytest
import torch
import transformers

from synthcli.data.examples.classification import ClassificationExamples
from synthcli.data.tokenizers import load_tokenizer
from synthcli.data.tokenizers.hugging_face import load_published
from synthcli.data.tokenizers.wordpiece import WordPieceTokenizer
from synthcli.errors import SynthError
from synthcli.exporters.hugging_face.tokenizer_files import write_tokenizer
from synthcli.model import build
from synthcli.training.checkpoints import load_checkpoint, load_model, write_model
from synthcli.training.weights import weights_of
from tests.cli.conftest import Synth
from tests.data.tokenizers.odd_lines import odd_lines
from tests.data.tokenizers.published.published_folders import (
    MARKS,
    SHARED_OPTIONS,
    TOKENS,
    Case,
    read_case,
    write_case,
)
from tests.exporters.tiny_models import config_of
from tests.importers.hub_folders import bert_folder

pytestmark = pytest.mark.slow

FAMILIES = {
    "bert": ("bare", "masked-lm", {"do_lower_case": False}),
    "gpt2": ("bare", "causal-lm", {"add_prefix_space": True}),
    "plain-bert": ("json", "masked-lm", {}),
    "plain-gpt2": ("json", "causal-lm", {}),
}


@pytest.mark.parametrize("tokens", TOKENS[:-1])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_leaves_reads_as_what_came(family: str, tokens: str, tmp_path: Path) -> None:
    """With the options that every class has going round; `described` is in the folders of `json`."""
    layout, task, options = FAMILIES[family]
    shared = SHARED_OPTIONS[TOKENS.index(tokens) % len(SHARED_OPTIONS)]
    tokens = "described" if layout == "json" and tokens == "none" else tokens
    came, left = tmp_path / "came", tmp_path / "left"
    came.mkdir()
    left.mkdir()
    ours, theirs = read_case(Case(family, layout, tokens, options | shared), came)
    notes = write_tokenizer(ours, config_of(task, {}), left)
    again = transformers.AutoTokenizer.from_pretrained(left)
    lines = odd_lines()
    expected = theirs(lines, add_special_tokens=False)["input_ids"]
    assert again(lines, add_special_tokens=False)["input_ids"] == expected
    decoded = [theirs.decode(ids, skip_special_tokens=True) for ids in expected]
    assert [again.decode(ids, skip_special_tokens=True) for ids in expected] == decoded
    assert notes == ()


def test_a_token_that_only_we_take_for_special_is_named_in_the_card(tmp_path: Path) -> None:
    """BERT's usual tokens in a description that names none: as text in a text here, not in what leaves."""
    case = Case("plain-bert", "json", "none")
    write_case(case, tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "config.json").unlink()
    (tmp_path / "left").mkdir()
    (note,) = write_tokenizer(load_published(tmp_path), config_of("masked-lm", {}), tmp_path / "left")
    assert note.startswith(
        "A text that holds `[PAD]`, `[CLS]`, `[SEP]`, `[UNK]`, `[MASK]` is read as the mark"
    )


def leave(folder: Path) -> transformers.PreTrainedTokenizerBase:
    """Return the tokenizer of `ours` as transformers reads what an export writes of it."""
    checkpoint = load_checkpoint(folder / "ours")
    (folder / "left").mkdir()
    write_tokenizer(checkpoint.tokenizer, checkpoint.config, folder / "left")
    return transformers.AutoTokenizer.from_pretrained(folder / "left")


@pytest.mark.parametrize("form", ["vocab.txt", "tokenizer.json"])
@torch.no_grad()
def test_a_vocabulary_with_white_space_through_every_command(form: str, here: Path, synth: Synth) -> None:
    """U+2028 is a piece of Google's Chinese BERT: the checkpoint opens, and export gives the same ids."""
    model = bert_folder(here / "bert")
    for path in [*(here / "bert").glob("token*"), *(here / "bert").glob("special*")]:
        path.unlink()
    pieces = [*MARKS, "\u2028", "\u3000", "", "the", "film", "was", "good", "##s", "[", "]", "mask", "a"]
    assert len(pieces) == model.config.vocab_size
    if form == "vocab.txt":
        (here / "bert" / form).write_bytes("".join(f"{piece}\n" for piece in pieces).encode())
    else:
        theirs = transformers.BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)})
        theirs.save_pretrained(here / "bert")
    theirs = transformers.AutoTokenizer.from_pretrained(here / "bert")
    text = "The films was [MASK]\u2028 a film"
    expected = theirs(text, add_special_tokens=False)["input_ids"]
    assert expected == [8, 9, 12, 10, 4, 16, 9]
    assert synth("import", "bert", "-o", "ours").code == 0
    assert load_tokenizer(here / "ours").encode_batch([text]) == [expected]
    said = synth("generate", "ours", "--prompt", "the film was [MASK]")
    assert said.code == 0, said.err
    shown = json.loads(synth("tokenizer", "inspect", "bert", "--text", text, "--json").out)
    assert shown["ids"] == expected and shown["hash"] == load_tokenizer(here / "ours").hash
    again = leave(here)
    assert again(text, add_special_tokens=False)["input_ids"] == expected


@torch.no_grad()
def test_a_classifier_reads_a_text_as_it_was_trained(here: Path, synth: Synth) -> None:
    """[CLS], the text, [SEP], as transformers gives BERT's classifiers; what leaves does so again."""
    bert_folder(here / "bert")
    config = transformers.BertConfig.from_pretrained(here / "bert", num_labels=2)
    theirs = transformers.BertForSequenceClassification(config).eval()
    theirs.save_pretrained(here / "bert")
    read = transformers.AutoTokenizer.from_pretrained(here / "bert")
    longest = config.max_position_embeddings
    lines = ["the film was good", "a film of the year", "film", "", "the film of the year was a film " * 5]
    assert synth("import", "bert", "-o", "ours").code == 0
    model, tokenizer = load_model(here / "ours")
    rows = pyarrow.table({"tokens": tokenizer.encode_batch(lines), "label": [0, 1, 0, 1, 0]})
    store = SimpleNamespace(tokenizer=tokenizer, table=lambda split: rows)
    examples = ClassificationExamples(store, "test", longest)  # type: ignore[arg-type]
    for row, line in enumerate(lines):
        tokens = examples.collate(np.array([row]))["tokens"]
        given = read(line, truncation=True, max_length=longest, return_tensors="pt")
        torch.testing.assert_close(tokens, given["input_ids"])
        torch.testing.assert_close(model(tokens), theirs(**given).logits, rtol=1e-5, atol=1e-5)
    assert examples.lengths.tolist() == [6, 7, 3, 2, longest]
    assert examples.report.truncated_sources == 1
    again = leave(here)
    assert again(lines)["input_ids"] == read(lines)["input_ids"]


def test_settings_reach_the_command_line(here: Path, synth: Synth) -> None:
    bert_folder(here / "bert")
    path = here / "bert" / "tokenizer_config.json"
    table = json.loads(path.read_text())
    path.write_text(json.dumps(table | {"never_split": ["film"]}))
    for words in (["import", "bert", "-o", "ours"], ["tokenizer", "inspect", "bert"]):
        said = synth(*words)
        assert said.code == 2
        assert said.err == (
            'error: `never_split = ["film"]` of `bert/tokenizer_config.json` cannot be honoured\n'
            "hint: only `never_split = null` can be honoured\n"
        )
    assert not (here / "ours").exists()
    path.write_text(json.dumps({key: value for key, value in table.items() if key != "do_lower_case"}))
    description = here / "bert" / "tokenizer.json"
    description.write_text(description.read_text().replace('"lowercase": true', '"lowercase": false'))
    note = (
        "text is lower-cased, as transformers does where no `do_lower_case` is set, though `tokenizer.json`"
        " says otherwise: `do_lower_case = false` in `tokenizer_config.json` keeps capitals\n"
    )
    assert note in synth("import", "bert", "-o", "ours").err
    assert note in synth("tokenizer", "inspect", "bert").err


def test_nothing_is_kept_that_cannot_be_opened(tmp_path: Path) -> None:
    """A piece with a line feed would be two: found out before the folder has its name."""
    tokenizer = WordPieceTokenizer([*MARKS, "a\nb"])
    config = config_of("masked-lm", {}).model_copy(update={"vocab_size": tokenizer.vocab_size})
    with pytest.raises(SynthError) as caught:
        write_model(tmp_path / "ours", config, weights_of(build(config)), tokenizer)
    why = "its tokenizer is not the one that was to be kept"
    message = f"checkpoint `{tmp_path / 'ours'}` could not be opened once it was written: {why}"
    assert caught.value.message == message
    assert list(tmp_path.iterdir()) == []
