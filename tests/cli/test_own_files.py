"""A user's own files from the first command to the last: what is printed next works when it is pasted."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .conftest import Said, Synth

pytestmark = pytest.mark.slow

FOLDER = 'it\'s "my" $HOME folder'
SORTED = [(f"no {number} and no", "neg") for number in range(60)] + [
    (f"yes {number} and yes", "pos") for number in range(60)
]
LABELLED = "csv:text=text,label=label,classes=neg+pos"
SHRUNK = """\
extends = "agnews-vanilla"
title = "A classifier for tests"
[model]
d_model = 16
d_ff = 16
[model.mixer]
heads = 2
[model.encoder]
layers = 1
max_length = 32
[data]
corpus = "csv:text=text,label=label,classes=neg+pos"
[data.tokenizer]
kind = "bytes"
[data.batch]
size = 8
[training]
steps = 2
evaluate_every = 2
save_every = 2
precision = "fp32"
[training.schedule]
kind = "constant"
peak = 1e-3
warmup_steps = 1
"""


@pytest.fixture
def folder(here: Path) -> Path:
    """A folder whose name a shell and TOML would take apart, of text beside text that nobody names."""
    folder = Path(FOLDER)
    folder.mkdir()
    text = "".join(f"the {number} of many words\n" for number in range(200))
    (folder / "mine.txt").write_text(text)
    (folder / "other.txt").write_text(text * 2)
    rows = "".join(f"{text},{label}\n" for text, label in SORTED)
    (folder / "mine.csv").write_text(f"text,label\n{rows}")
    (folder / "other.csv").write_text(f"text,label\n{rows * 2}")
    lines = [json.dumps({"a": text, "b": label, "n": len(text)}) for text, label in SORTED]
    (folder / "mine.jsonl").write_text("\n".join(lines))
    (folder / "other.jsonl").write_text("\n".join(lines * 2))
    for ending in ("de", "en"):
        (folder / f"mine.{ending}").write_text(text)
        (folder / f"other.{ending}").write_text(text * 2)
    return folder


def printed(said: Said) -> str:
    """Return the command that was printed as the next one."""
    assert said.code == 0, said.err
    (line,) = re.findall(r"^next: `(.*)`$", said.err, re.MULTILINE)
    return str(line)


def words_in_a_shell(command: str, here: Path) -> list[str]:
    """Return the words after `synth` as a shell understands a pasted line, and what it sets before."""
    program = here / "bin/synth"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=True)
    return list(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("corpus", "source", "rows"),
    [
        ("text", "mine.txt", 200),
        ("text", "m*.txt", 200),
        (LABELLED, "mine.csv", 120),
        ("jsonl:text=a,score=n", "mine.jsonl", 120),
        ("jsonl:source=a,target=b", "mine.json?", 120),
        ("parallel:source=de,target=en", "mine", 200),
    ],
)
def test_the_command_printed_trains_on_the_store_just_made(
    corpus: str, source: str, rows: int, folder: Path, here: Path, synth: Synth
) -> None:
    made = synth("prepare-corpus", corpus, "--source", str(folder / source), "--vocab-size", "300", "--json")
    (store,) = json.loads(made.out)
    assert sum(counts["rows"] for counts in store["splits"].values()) == rows
    words = words_in_a_shell(printed(made), here)
    train = store["splits"]["train"]["rows"]
    said = synth(*words, "--dry-run")
    assert said.code == 0, said.err
    assert re.search(rf"^rows +{train}$", said.out, re.MULTILINE), said.out
    assert [path.name for path in (here / "stores").iterdir() if path.is_dir() and path.name[0] != "."] == [
        Path(store["path"]).name
    ]


def test_the_pasted_line_trains(folder: Path, here: Path, synth: Synth) -> None:
    made = synth(
        "prepare-corpus", "text", "--source", str(folder / "mine.txt"), "--vocab-size", "300",
        "--stores", str(here / "my stores"),
    )  # fmt: skip
    command = printed(made)
    assert command.startswith(f"SYNTH_STORES='{here}/my stores' synth train ")
    small = ["model.d_model=16", "model.d_ff=16", "model.mixer.heads=2", "model.decoder.layers=1"]
    small += ["training.steps=1", "training.evaluate_every=1", "training.save_every=1"]
    words = [word for override in small for word in ("--set", override)]
    program = f"{shlex.quote(sys.executable)} -m synthcli"
    line = command.replace(" synth ", f" {program} ", 1)
    done = subprocess.run(
        ["sh", "-c", f"{line} {shlex.join(words)}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not (here / "stores").exists()
    assert len(list((here / "my stores").glob("text.*"))) == 1
    (preset,) = here.glob("runs/lm1b-vanilla/*/preset.toml")
    assert 'source = "it\'s \\"my\\" $HOME folder/mine.txt"' in preset.read_text()


@pytest.mark.parametrize("source", ["mine.txt", "m*.txt"])
def test_another_vocabulary_reads_the_same_files(source: str, folder: Path, here: Path, synth: Synth) -> None:
    assert synth("prepare-corpus", "text", "--source", str(folder / source), "--tokenizer", "bytes").code == 0
    (here / "tiny.toml").write_text(
        SHRUNK.replace("agnews-vanilla", "lm1b-vanilla")
        .replace("model.encoder", "model.decoder")
        .replace(LABELLED, "text")
        .replace('kind = "bytes"', 'kind = "sentencepiece-unigram"\nvocab_size = 300')
    )
    said = synth("train", "tiny.toml")
    assert said.code == 0, said.err
    stores = [json.loads(path.read_text()) for path in here.glob("stores/text.*/manifest.json")]
    assert [sum(split["rows"] for split in store["splits"].values()) for store in stores] == [200, 200]
    (preset,) = here.glob("runs/tiny/*/preset.toml")
    assert tomllib.loads(preset.read_text())["data"]["source"] == str((folder / source).resolve())


def test_of_two_sources_one_must_be_named(folder: Path, synth: Synth) -> None:
    for name in ("mine.csv", "other.csv"):
        synth("prepare-corpus", LABELLED, "--source", str(folder / name), "--tokenizer", "bytes")
    said = synth("train", "agnews-vanilla", "--scale", "hour", "--set", f"data.corpus={LABELLED}")
    mine, other = (folder / f"{name}.csv" for name in ("mine", "other"))
    assert said.err == (
        f"error: `{LABELLED}` was prepared from `{other.resolve()}` and `{mine.resolve()}`\n"
        "hint: say which: `--source PATH`\n"
    )


@pytest.fixture
def trained(folder: Path, here: Path, synth: Synth) -> Path:
    """A run on the sorted rows of a file."""
    (here / "tiny.toml").write_text(SHRUNK)
    said = synth("train", "tiny.toml", "--source", str(folder / "mine.csv"))
    assert said.code == 0, said.err
    (run,) = here.glob("runs/tiny/2*")
    return run


def evaluated(said: Said) -> dict[str, object]:
    assert said.code == 0, said.err
    (result,) = json.loads(said.out)
    return {key: result[key] for key in ("corpus", "split", "samples", "notes")}


def test_a_file_given_to_eval_is_evaluated_whole(trained: Path, folder: Path, synth: Synth) -> None:
    rows = "".join(f"never seen {number},{label}\n" for number, (_, label) in enumerate(SORTED[40:80]))
    for name, split in (("test.csv", "test"), ("dev.csv", "validation"), ("a.csv", "test")):
        (folder / name).write_text(f"text,label\n{rows}")
        found = evaluated(synth("eval", "accuracy", str(trained), "--source", str(folder / name), "--json"))
        assert found == {"corpus": f"{LABELLED},split=whole", "split": split, "samples": 40, "notes": []}
    (folder / "test.csv").unlink()
    again = evaluated(synth("eval", "accuracy", str(trained), "--source", str(folder / "test.csv"), "--json"))
    assert again["samples"] == 40


def test_a_store_without_rows_of_train_is_for_evaluation(
    trained: Path, folder: Path, here: Path, synth: Synth
) -> None:
    whole, source = f"{LABELLED},split=whole", str(folder / "other.csv")
    made = synth("prepare-corpus", whole, "--source", source, "--tokenizer", "bytes")
    words = words_in_a_shell(printed(made), here)
    assert words == ["eval", "accuracy", "--corpus", whole, "--source", source]
    assert evaluated(synth(*words, "--json"))["samples"] == 240


def test_numbers_for_a_model_of_classes_are_told_what_learns_them(folder: Path, synth: Synth) -> None:
    corpus = "jsonl:text=a,score=n"
    given = ["--scale", "smoke", "--source", str(folder / "mine.jsonl"), "--set", f"data.corpus={corpus}"]
    said = synth("train", "agnews-vanilla", *given)
    assert said.code == 2
    assert f'"{corpus}" (from --set) holds scored, and `model.head.output = "classes"`' in said.err
    assert 'allowed: `model.head.output = "regression"` for it, or `stdlib-topics`' in said.err
    small = [
        "training.steps=1",
        "training.evaluate_every=1",
        "training.save_every=1",
        "model.encoder.layers=1",
    ]
    small += [
        "model.head.output=regression",
        'evaluation.metrics=["correlation"]',
        "data.tokenizer.kind=bytes",
    ]
    assert synth("train", "agnews-vanilla", *given, *(w for one in small for w in ("--set", one))).code == 0


def test_what_is_cut_is_said(trained: Path, folder: Path, synth: Synth) -> None:
    own = {
        "corpus": LABELLED,
        "split": "test",
        "samples": 6,
        "notes": ["`test` is 5 % of `mine.csv`, cut by hash: 6 of 120 rows"],
    }
    source = str((folder / "mine.csv").resolve())
    assert evaluated(synth("eval", "accuracy", str(trained), "--json")) == own
    assert evaluated(synth("eval", "accuracy", str(trained), "--source", source, "--json")) == own
    said = synth("eval", "accuracy", str(trained))
    assert "note: `test` is 5 % of `mine.csv`, cut by hash: 6 of 120 rows\n" in said.err
    kept = f"{LABELLED},split=kept"
    found = evaluated(synth("eval", "accuracy", str(trained), "--corpus", kept, "--source", source, "--json"))
    assert found["notes"] == [
        "`test` is 5 % of `mine.csv`, cut in order: 6 of 120 rows",
        "the model was trained on rows of `mine.csv`",
    ]


def test_a_source_that_changed_is_said_and_a_run_keeps_its_store(
    trained: Path, folder: Path, here: Path, synth: Synth
) -> None:
    source = folder / "mine.csv"
    size = source.stat().st_size
    with source.open("a") as stream:
        stream.write("one more,pos\n")
    (store,) = here.glob("stores/csv*")
    said = synth("train", "tiny.toml", "--source", str(source))
    command = shlex.join([
        "synth", "prepare-corpus", LABELLED, "--source", str(source.resolve()),
        "--tokenizer", "bytes", "--force",
    ])  # fmt: skip
    assert said.code == 2
    assert said.err == (
        f"error: the source of `{Path('stores') / store.name}` has changed since:"
        f" `mine.csv` has {size + 13:,} bytes, had {size:,}\n"
        f"hint: make it anew, `{command}`, or put the files back as they were\n"
    )
    assert synth("train", "tiny.toml").err == said.err
    for words in (["tiny.toml"], ["tiny.toml", "--source", str(source)], [str(trained)]):
        resumed = synth("train", "--resume", *words)
        assert resumed.code == 0 and "is complete" in resumed.err
    said = synth("quality", store.name)
    assert f"note: the source of `stores/{store.name}` has changed since: " in said.err
    assert evaluated(synth("eval", "accuracy", str(trained), "--json"))["samples"] == 6
    assert synth(*words_in_a_shell(command, here)).code == 0
    assert json.loads((store / "manifest.json").read_text())["splits"]["train"]["rows"] == 109
    notes = evaluated(synth("eval", "accuracy", str(trained), "--json"))["notes"]
    assert "the store of its training is not here: its training may have read rows of this split" in str(
        notes
    )


def test_hints_of_other_commands_are_whole(folder: Path, here: Path, synth: Synth) -> None:
    said = synth("plan", "lm1b-vanilla", "--scale", "hour", "--set", "data.corpus=text")
    assert printed(said).startswith(
        "synth prepare-corpus text --tokenizer sentencepiece-unigram --vocab-size 8000`, then `synth train "
    )
    output = here / "my tokenizer"
    said = synth("tokenizer", "train", str(folder / "mine.txt"), "--vocab-size", "300", "-o", str(output))
    look, prepare = re.findall(r"`(synth .*?)`", said.err)
    assert words_in_a_shell(look, here)[:3] == ["tokenizer", "inspect", str(output)]
    assert synth(*words_in_a_shell(look, here)).code == 0
    made = synth(*words_in_a_shell(prepare, here), "--json")
    (store,) = json.loads(made.out)
    again = synth(*words_in_a_shell(printed(made), here), "--dry-run")
    assert re.search(rf"^rows +{store['splits']['train']['rows']}$", again.out, re.MULTILINE)


def test_more_classes_than_a_file_name_holds(here: Path, synth: Synth) -> None:
    names = [f"intent number {number:02} of a long list" for number in range(40)]
    rows = "".join(f"question {number} about it,{name}\n" for name in names for number in range(4))
    (here / "many.csv").write_text(f"text,label\n{rows}")
    corpus = f"csv:label=label,classes={'+'.join(names)}"
    assert len(corpus) > 255
    made = synth("prepare-corpus", corpus, "--source", "many.csv", "--tokenizer", "bytes", "--json")
    (store,) = json.loads(made.out)
    assert store["splits"]["test"]["rows"] == store["splits"]["validation"]["rows"] == 40
    assert len(Path(store["path"]).name) < 255
    found = synth(*words_in_a_shell(printed(made), here), "--dry-run")
    assert found.out.split().count("80") == 1, found.out
    (here / "tiny.toml").write_text(SHRUNK.replace(LABELLED, corpus))
    assert synth("train", "tiny.toml").code == 0
    (run,) = here.glob("runs/tiny/2*")
    result = evaluated(synth("eval", "accuracy", str(run), "--json"))
    assert (result["corpus"], result["samples"]) == (corpus, 40)
    adapted = synth(
        "finetune", str(run), "--corpus", corpus, "--source", "many.csv", "--set", "training.steps=1"
    )
    assert adapted.code == 0, adapted.err
    (name,) = [path.name for path in (here / "runs").iterdir() if path.name != "tiny"]
    assert re.fullmatch(r"tiny-on-csv-[0-9a-f]{8}", name)


def test_classes_that_are_found_are_matched_by_name(here: Path, synth: Synth) -> None:
    found = "csv:label=label"
    (here / "tiny.toml").write_text(SHRUNK.replace(LABELLED, found))
    rows = "".join(f"text {number},{'bca'[number % 3]}\n" for number in range(60))
    (here / "mine.csv").write_text(f"text,label\n{rows}")
    assert synth("train", "tiny.toml", "--source", "mine.csv").code == 0
    (run,) = here.glob("runs/tiny/2*")
    assert tomllib.loads((run / "preset.toml").read_text())["model"]["class_names"] == ["a", "b", "c"]
    assert "is complete" in synth("train", "--resume", "tiny.toml").err
    (here / "new.csv").write_text("text,label\n" + "".join(f"new {n},{'cb'[n % 2]}\n" for n in range(10)))
    result = evaluated(synth("eval", "accuracy", str(run), "--source", "new.csv", "--json"))
    assert (result["samples"], result["split"]) == (10, "test")
    assert "another order" in str(result["notes"])
    (here / "odd.csv").write_text("text,label\nx,c\ny,d\nz,c\n")
    said = synth("eval", "accuracy", str(run), "--source", "odd.csv")
    assert said.code == 2 and "has the class `d`, and the model knows `a`, `b`, `c`" in said.err
    (here / "more.csv").write_text("text,label\n" + "".join(f"x {n},{n % 5}\n" for n in range(50)))
    words = ["finetune", str(run), "--corpus", found, "--source", "more.csv", "--set", "training.steps=1"]
    assert synth(*words).code == 0
    (tuned,) = here.glob("runs/tiny-on-csv-*/2*")
    assert tomllib.loads((tuned / "preset.toml").read_text())["model"]["num_classes"] == 5
    assert evaluated(synth("eval", "accuracy", str(tuned), "--json"))["samples"] == 5


def test_a_result_on_own_files_is_exported_as_that_of_the_benchmark_they_are(
    trained: Path, synth: Synth, here: Path
) -> None:
    assert synth("eval", "accuracy", str(trained), "--limit", "2").code == 0
    words = ("export", str(trained), "--to", "hf", "-o", "taken", "--benchmark")
    refused = synth(*words, "bleu=me/mine:test")
    assert refused.code == 2 and not (here / "taken").exists()
    assert refused.err == (
        "error: `--benchmark bleu=me/mine:test`: this checkpoint has no result `bleu`\n"
        "hint: it has `accuracy`\n"
    )
    said = synth(*words, "accuracy=me/mine:test")
    assert said.code == 0, said.err
    text = (here / "taken" / ".eval_results" / "me-mine-test.yaml").read_text()
    assert text.startswith("- dataset:\n    id: me/mine\n    task_id: test\n  value: ")
    assert "notes: accuracy; first 2 of 6 samples of split test; " in text.replace("'", "")
    assert ".eval_results/me-mine-test.yaml" in synth("push", "taken", "--to", "me/x", "--dry-run").out
