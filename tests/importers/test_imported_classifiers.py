"""An imported classifier reads texts as it was trained: logits and figures are those of transformers.

Single sentences, pairs and choices; what is made of such a checkpoint reads them so too.
"""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

from synthcli.cli.next_training import training_command
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import logits_of
from synthcli.compress.teacher import open_teacher
from synthcli.data.examples.classified_text import fit_pair
from synthcli.data.examples.examples import Examples
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.origin import prepare_command
from synthcli.data.store.store import open_store
from synthcli.data.tokenizers import load_tokenizer
from synthcli.data.tokenizers.base import NAMED, PLAIN
from synthcli.data.tokenizers.byte_level import ByteTokenizer
from synthcli.data.tokenizers.convert_published import read_wordpiece
from synthcli.data.tokenizers.hugging_face import load_published
from synthcli.errors import SynthError
from synthcli.exporters.export_bundle import ExportOptions
from synthcli.exporters.folding import Folded
from synthcli.exporters.hugging_face import write_hugging_face
from synthcli.jobs.evaluate.evaluate import EvaluationRequest, data_for, own_tokenizer
from synthcli.jobs.export.export import make_bundle
from synthcli.jobs.finetune import Adaptation, adapt_experiment
from synthcli.jobs.stores import examples_of, keep_tokenizer, store_for
from synthcli.objectives import OBJECTIVES
from synthcli.training.checkpoints import load_checkpoint, model_of
from tests.cli.conftest import Synth, only
from tests.importers.hub_folders import LINES, bert_folder

SOME = 64  # rows of a development set
CLOSE = {"rtol": 1e-5, "atol": 1e-5}  # float32, two layers
LONG = "the film of the year was a film " * 5  # longer than the model reads
FIRST = [*LINES[:4], "film", "was it", LONG, LONG, "a film"]
SECOND = ["a film", "was", LONG, "the year", "good good", "film", "of the year", LONG, "[SEP] film"]

HEADERS = {
    "glue-cola": [],
    "glue-mrpc": ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"],
    "glue-stsb": ["sentence1\tsentence2\tscore"],
}
ROWS = {
    "glue-cola": ("gj04\t1\t*\t{0}", "gj04\t0\t\t{0}"),
    "glue-mrpc": ("1\t7\t8\t{0}\t{1}", "0\t7\t8\t{0}\t{1}"),
    "glue-stsb": ("{0}\t{1}\t3.5", "{0}\t{1}\t0.25"),
}


def write_corpus(name: str, folder: Path) -> list[tuple[str, ...]]:
    """Write a task of GLUE as its publisher does, and return its texts."""
    pairs = list(zip(FIRST, SECOND, strict=True))
    lines = [ROWS[name][number % 2].format(*pair) for number, pair in enumerate(pairs)]
    folder.mkdir()
    for split in ("train.tsv", "dev.tsv"):
        (folder / split).write_text("\n".join([*HEADERS[name], *lines]) + "\n")
    return [(first,) for first, _ in pairs] if name == "glue-cola" else pairs


def classifier(folder: Path, labels: int) -> Any:
    """Write a BERT that classifies, every parameter far from its initial value, and its tokenizer."""
    bert_folder(folder)
    config = transformers.BertConfig.from_pretrained(folder, num_labels=labels)
    torch.manual_seed(3)
    model = moved(transformers.BertForSequenceClassification(config).eval())
    model.save_pretrained(folder)
    return model


@torch.no_grad()
def moved(model: Any) -> Any:
    """Move every parameter far from its initial value."""
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape))
    return model


def theirs_on(folder: Path, model: Any, texts: list[tuple[str, ...]]) -> Tensor:
    """Return the logits of transformers on texts or pairs, as its own examples make them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = tokenizer(
        *map(list, zip(*texts, strict=True)),
        padding=True,
        truncation=True,
        max_length=model.config.max_position_embeddings,
        return_tensors="pt",
    )
    with torch.no_grad():
        return model(**given).logits


def ours_on(
    path: Path, corpus: str, source: str, form: str | None = None, rows: int | None = None
) -> tuple[Tensor, Examples]:
    """Return the logits of a checkpoint on the validation split of a corpus, as `synth eval` reads it."""
    checkpoint = load_checkpoint(path)
    data = data_for(checkpoint, None, EvaluationRequest("accuracy", corpus, Path(source), form=form))
    examples = examples_of(store_for(data), "validation", checkpoint.config, data)
    batch = examples.collate(np.arange(rows or len(examples)))
    with torch.no_grad():
        return logits_of(model_of(checkpoint), batch), examples


@pytest.mark.slow
@pytest.mark.parametrize(("corpus", "labels"), [("glue-cola", 2), ("glue-mrpc", 2), ("glue-stsb", 1)])
def test_logits_and_figures_are_those_of_transformers(
    corpus: str, labels: int, here: Path, synth: Synth
) -> None:
    texts = write_corpus(corpus, here / "data")
    theirs = theirs_on(here / "bert", classifier(here / "bert", labels), texts)
    assert synth("import", "bert", "-o", "ours").code == 0
    logits, examples = ours_on(here / "ours", corpus, "data")
    torch.testing.assert_close(logits.reshape(theirs.shape), theirs, **CLOSE)
    batch = examples.collate(np.arange(len(examples)))
    labels_given, theirs = batch["labels"], theirs.squeeze(1) if labels == 1 else theirs
    assert labels_given is not None
    loss, count = OBJECTIVES["classification"](model_of(load_checkpoint(here / "ours")), batch, 0.0)
    loss_of = torch.nn.functional.mse_loss if labels == 1 else torch.nn.functional.cross_entropy
    torch.testing.assert_close(loss / count, loss_of(theirs, labels_given), **CLOSE)
    assert examples.report.truncated_sources == sum(len(" ".join(pair).split()) > 21 for pair in texts)
    metric = "correlation" if labels == 1 else "accuracy"
    said = synth("eval", metric, "ours", "--corpus", corpus, "--source", "data", "--split", "dev", "--json")
    assert said.code == 0, said.err
    (result,) = json.loads(said.out)
    assert result["options"]["form"] == PLAIN
    (note,) = [note for note in result["notes"] if "form" in note]
    assert note == (
        "texts are read in the form `plain`: the fields alone, several as a pair; "
        "`--form named` puts their names before them"
    )
    if metric == "accuracy":
        labels_of_rows = torch.tensor([1, 0] * 5)[: len(texts)]
        right = (theirs.argmax(-1) == labels_of_rows).double().mean().item()
        assert result["figures"][0]["value"] == pytest.approx(100 * right)
    else:
        pearson = np.corrcoef(theirs.double().numpy(), ([3.5, 0.25] * 5)[: len(texts)])[0, 1]
        assert result["figures"][0]["value"] == pytest.approx(100 * pearson, abs=1e-3)


def test_our_own_kind_reads_plain_texts_so_too(here: Path, synth: Synth) -> None:
    """Of BERT's vocabulary, given apart; what is named ends with no [SEP], as our models were trained."""
    texts = write_corpus("glue-mrpc", here / "data")[
        :-1
    ]  # the last holds a special token, which is text to us
    theirs = theirs_on(here / "bert", classifier(here / "bert", 2), texts)
    (here / "words").mkdir()
    own = read_wordpiece(here / "bert")
    own.save(here / "words")
    assert synth("import", "bert", "-o", "ours", "--tokenizer", "words").code == 0
    assert load_checkpoint(here / "ours").tokenizer.kind == "wordpiece"
    logits, _ = ours_on(here / "ours", "glue-mrpc", "data", rows=len(texts))
    torch.testing.assert_close(logits, theirs, **CLOSE)
    assert synth("import", "bert", "-o", "named", "--tokenizer", "words", "--form", "named").code == 0
    tokenizer = load_checkpoint(here / "named").tokenizer
    assert (tokenizer.form, tokenizer.ends_texts) == (NAMED, False)


def test_another_form_is_asked_for(here: Path, synth: Synth) -> None:
    texts = write_corpus("glue-mrpc", here / "data")
    model = classifier(here / "bert", 2)
    assert synth("import", "bert", "-o", "ours").code == 0
    named = [(f"sentence1: {first.strip()} sentence2: {second.strip()}",) for first, second in texts]
    logits, examples = ours_on(here / "ours", "glue-mrpc", "data", NAMED)
    torch.testing.assert_close(logits, theirs_on(here / "bert", model, named), **CLOSE)
    assert "token_types" not in examples.collate(np.arange(2))
    words = ("eval", "accuracy", "ours", "--corpus", "glue-mrpc", "--source", "data", "--split", "dev")
    said = synth(*words, "--form", "named")
    assert said.code == 0 and "in the form `named`: each field after its name; `--form plain`" in said.err
    assert synth("import", "bert", "-o", "other", "--form", "named").code == 0
    again, _ = ours_on(here / "other", "glue-mrpc", "data")
    assert torch.equal(again, logits)
    assert load_checkpoint(here / "other").tokenizer.hash == load_checkpoint(here / "ours").tokenizer.hash
    said = synth(*words, "--form", "plane")
    assert said.code == 2
    assert said.err == "error: unknown form `plane`\nhint: did you mean `plain`?\n"


def test_a_form_is_of_what_is_classified(here: Path, synth: Synth) -> None:
    bert_folder(here / "bert")
    assert synth("import", "bert", "-o", "ours").code == 0
    said = synth("eval", "perplexity", "ours", "--corpus", "copy", "--form", "plain")
    assert said.code == 2
    assert said.err == (
        "error: `--form` is of texts that are classified, and this is a `masked-lm` model\n"
        "hint: leave it out\n"
    )


def test_a_checkpoint_without_a_form_reads_names(here: Path, synth: Synth) -> None:
    """As all did that were written before there were forms, stores and hashes as they were."""
    write_corpus("glue-mrpc", here / "data")
    classifier(here / "bert", 2)
    assert synth("import", "bert", "-o", "ours", "--form", "named").code == 0
    description = json.loads((here / "ours" / "tokenizer.synth.json").read_text())
    assert description.keys() == {"kind", "vocab_size", "hash"}
    checkpoint = load_checkpoint(here / "ours")
    config = own_tokenizer(checkpoint)
    assert config.model_dump().keys() == {"kind", "vocab_size", "files"}
    store = prepare_store("glue-mrpc", config, here / "stores", here / "data")
    name = f"glue-mrpc.huggingface-{checkpoint.tokenizer.vocab_size}-{checkpoint.tokenizer.hash[:8]}."
    assert store.path.name.startswith(name)
    assert store.table("train").column_names == ["tokens", "label"]
    plain = prepare_store("glue-mrpc", own_tokenizer(checkpoint, PLAIN), here / "stores", here / "data")
    assert plain.path.name.startswith(f"{name[:-1]}-plain.")
    assert plain.split("train").column_names == ["tokens", "label", "second"]
    assert training_command(plain).count("data.tokenizer.form=plain") == 1
    command = prepare_command(plain.manifest, plain.path)
    assert command is not None and "--form plain" in command
    assert synth(*shlex.split(command)[1:]).code == 0
    assert open_store(plain.path).hash == plain.hash
    assert "--form" not in (prepare_command(store.manifest, store.path) or "--form")


def test_a_form_of_another_version_is_refused(tmp_path: Path) -> None:
    tokenizer = ByteTokenizer()
    tokenizer.form = "rhymed"
    tokenizer.save(tmp_path)
    with pytest.raises(SynthError, match="names no known `form` of texts"):
        load_tokenizer(tmp_path)


def test_choices_are_pairs(here: Path, synth: Synth) -> None:
    """The premise, and what is asked of it with the answer; transformers gives the same ids and types."""
    rows = [
        {"premise": LINES[0], "question": "cause", "choice1": "a film", "choice2": "was it", "label": 0},
        {"premise": "film", "question": "effect", "choice1": LONG, "choice2": "good", "label": 1},
    ]
    (here / "data").mkdir()
    for name in ("train.jsonl", "val.jsonl"):
        (here / "data" / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    bert_folder(here / "bert")
    teacher = open_teacher(here / "bert")
    store = prepare_store(
        "superglue-copa", keep_tokenizer(teacher.tokenizer, here / "bert"), here, here / "data"
    )
    batch = Examples(store, "train", "classification", 24, has_types=True).collate(np.arange(2))
    theirs = transformers.AutoTokenizer.from_pretrained(here / "bert")
    pairs = [
        (row["premise"], f"what was the {row['question']}? {row[choice]}")
        for row in rows
        for choice in ("choice1", "choice2")
    ]
    given = theirs(
        *map(list, zip(*pairs, strict=True)),
        padding=True,
        truncation=True,
        max_length=24,
        return_tensors="pt",
    )
    for ours, name in (("tokens", "input_ids"), ("token_types", "token_type_ids")):
        part = batch[ours]
        assert part is not None and torch.equal(part.flatten(0, 1), given[name])


@pytest.mark.parametrize("room", range(9))
def test_a_pair_is_cut_as_transformers_cuts_it(room: int, here: Path) -> None:
    bert_folder(here / "bert")
    tokenizer = transformers.AutoTokenizer.from_pretrained(here / "bert")
    for first in range(1, 8):
        for second in range(1, 8):
            given = tokenizer("film " * first, "good " * second, truncation=True, max_length=room + 3)[
                "token_type_ids"
            ]
            kept = fit_pair(first, second, room)
            assert (given.count(0) - 2, given.count(1) - 1) == kept, (first, second)


@pytest.mark.slow
def test_what_is_compressed_on_is_read_so_too(here: Path, synth: Synth) -> None:
    """A teacher's pairs are given to it with their types; `probe` takes the folder itself."""
    texts = write_corpus("glue-mrpc", here / "data")
    theirs = theirs_on(here / "bert", classifier(here / "bert", 2), texts)
    teacher = open_teacher(here / "bert")
    store = prepare_store(
        "glue-mrpc", keep_tokenizer(teacher.tokenizer, here / "bert"), here / "stores", here / "data"
    )
    text = Calibration(store, "validation", teacher)
    logits = logits_of(teacher.model, text.batch(np.arange(len(text))))
    torch.testing.assert_close(logits, theirs, **CLOSE)
    words = ("--corpus", "glue-mrpc", "--source", "data", "--limit", "8")
    said = synth("probe", "bert", *words)
    assert said.code == 0, said.err
    said = synth("distill-block", "--teacher", "bert", "--block", "0", "--closed-form-only", *words)
    assert said.code == 0, said.err
    (student,) = (here / "runs").glob("*/*/checkpoints/step-*/tokenizer.synth.json")
    assert json.loads(student.read_text())["form"] == PLAIN


def test_finetuning_keeps_the_form(here: Path, synth: Synth) -> None:
    write_corpus("glue-mrpc", here / "data")
    classifier(here / "bert", 2)
    assert synth("import", "bert", "-o", "ours").code == 0
    adaptation = Adaptation("glue-mrpc", here / "data", preset="glue-mrpc-dense", scale="smoke")
    assert adapt_experiment(here / "ours", adaptation).data.tokenizer.form == PLAIN
    words = ("--corpus", "glue-mrpc", "--source", "data", "--preset", "glue-mrpc-dense", "--scale", "smoke")
    short = [f"training.{key}={value}" for key, value in (("steps", 2), ("schedule.warmup_steps", 1))]
    said = synth("finetune", "ours", *words, *(word for key in short for word in ("--set", key)))
    assert said.code == 0, said.err
    run = only(here, "glue-mrpc-dense-on-glue-mrpc")
    assert load_checkpoint(run).tokenizer.form == PLAIN
    (result,) = json.loads(synth("eval", "accuracy", str(run), "--split", "dev", "--json").out)
    assert result["options"]["form"] == PLAIN
    said = synth("eval", "accuracy", str(run), "--split", "dev", "--form", "named", "--json")
    assert json.loads(said.out)[0]["options"]["form"] == NAMED
    assert sorted(path.name.split("beam-4.")[1] for path in (run / "results").glob("accuracy*.json")) == [
        "json",
        "named.json",
    ]


def test_what_leaves_reads_so_and_comes_back_so(here: Path, synth: Synth) -> None:
    texts = write_corpus("glue-mrpc", here / "data")
    theirs = theirs_on(here / "bert", classifier(here / "bert", 2), texts)
    for form in (PLAIN, NAMED):
        assert synth("import", "bert", "-o", form, "--form", form).code == 0
        left = leave(here / form, here / f"{form}-left")
        model = transformers.AutoModelForSequenceClassification.from_pretrained(left)
        torch.testing.assert_close(theirs_on(left, model, texts), theirs, **CLOSE)
        assert model.config.text_form == form
        assert synth("import", str(left), "-o", f"{form}-again").code == 0
        again = load_checkpoint(here / f"{form}-again")
        assert again.tokenizer.form == form and again.tokenizer.ends_texts


def leave(path: Path, target: Path) -> Path:
    """Write what an export writes, without its certificate."""
    checkpoint = load_checkpoint(path)
    model = model_of(checkpoint)
    target.mkdir()
    bundle = make_bundle(checkpoint, Folded(checkpoint.config, model), model)
    write_hugging_face(bundle, target, ExportOptions())
    return target


@pytest.mark.slow
@pytest.mark.parametrize(("task", "columns"), [("CoLA", (3,)), ("RTE", (1, 2))])
def test_real_sentences_are_read_as_transformers_reads_them(
    task: str, columns: tuple[int, ...], shared: Path, here: Path
) -> None:
    """Ids and types of a development set, with BERT's own vocabulary and length."""
    source = shared / "data" / "glue" / task
    (here / "bert").mkdir()
    vocabulary = shared / "data" / "tokenizers" / "bert-base-uncased" / "vocab.txt"
    theirs = transformers.BertTokenizer(vocab=str(vocabulary))
    theirs.save_pretrained(here / "bert")
    tokenizer = keep_tokenizer(load_published(here / "bert"), here / "bert", PLAIN)
    store = prepare_store(f"glue-{task.lower()}", tokenizer, here / "stores", copied(source, here / "data"))
    examples = Examples(store, "validation", "classification", 64, has_types=True)
    lines = (source / "dev.tsv").read_text(encoding="utf-8-sig").splitlines()[task != "CoLA" :]
    cells = [line.split("\t") for line in lines]
    given = theirs(*([row[column] for row in cells] for column in columns), truncation=True, max_length=64)
    assert len(examples) == len(cells)
    for row in range(len(cells)):
        batch = examples.collate(np.array([row]))
        tokens, types = batch["tokens"], batch.get("token_types")
        assert tokens is not None and tokens[0].tolist() == given["input_ids"][row]
        if len(columns) > 1:
            assert types is not None and types[0].tolist() == given["token_type_ids"][row]


@pytest.mark.slow
def test_real_pairs_give_the_logits_and_the_accuracy_of_transformers(
    shared: Path, here: Path, synth: Synth
) -> None:
    source = copied(shared / "data" / "glue" / "MRPC", here / "data")
    vocabulary = shared / "data" / "tokenizers" / "bert-base-uncased" / "vocab.txt"
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
    config = transformers.BertConfig(max_position_embeddings=48, **sizes)
    torch.manual_seed(0)
    model = moved(transformers.BertForSequenceClassification(config).eval())
    model.save_pretrained(here / "bert")
    transformers.BertTokenizer(vocab=str(vocabulary)).save_pretrained(here / "bert")
    lines = (source / "dev.tsv").read_text(encoding="utf-8-sig").splitlines()[1 : SOME + 1]
    cells = [line.split("\t") for line in lines]
    theirs = theirs_on(here / "bert", model, [(row[3], row[4]) for row in cells])
    assert synth("import", "bert", "-o", "ours").code == 0
    logits, _ = ours_on(here / "ours", "glue-mrpc", "data", rows=SOME)
    torch.testing.assert_close(logits, theirs, **CLOSE)
    labels = torch.tensor([int(row[0]) for row in cells])
    right = 100 * (theirs.argmax(-1) == labels).double().mean().item()
    words = ("--corpus", "glue-mrpc", "--source", "data", "--split", "dev", "--limit", str(SOME), "--json")
    (result,) = json.loads(synth("eval", "accuracy", "ours", *words).out)
    assert result["figures"][0]["value"] == pytest.approx(right) and 0 < right < 100


def copied(source: Path, target: Path) -> Path:
    """Copy a task, its training split cut to a few rows."""
    target.mkdir()
    lines = (source / "train.tsv").read_text(encoding="utf-8-sig").splitlines(keepends=True)
    (target / "train.tsv").write_text("".join(lines[:20]))
    shutil.copy(source / "dev.tsv", target)
    return target
