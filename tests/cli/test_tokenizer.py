"""`synth tokenizer`: training from files and corpora, looking at what there is, and what is refused."""

import json
from pathlib import Path

import pytest

from synthcli.data.tokenizers import TOKENIZERS, load_tokenizer

from .conftest import Synth

LINES = [f"def function_{number}(self): return self.value_{number % 7} + {number}" for number in range(150)]
TRAINED = sorted(set(TOKENIZERS) - {"gpt2", "bytes", "huggingface"})


@pytest.fixture
def text(here: Path) -> str:
    (here / "text.txt").write_text("\n".join(LINES))
    return "text.txt"


@pytest.mark.parametrize("kind", TRAINED)
def test_one_is_trained_and_looked_at(kind: str, synth: Synth, text: str, here: Path) -> None:
    said = synth("tokenizer", "train", text, "--kind", kind, "--vocab-size", "500", "-o", "mine")
    assert said.code == 0, said.err
    assert f"wrote `mine`: {kind}, " in said.err
    assert "next: `synth tokenizer inspect mine" in said.err
    trained = load_tokenizer(here / "mine")
    assert 0 < trained.vocab_size <= 500
    shown = json.loads(synth("tokenizer", "inspect", "mine", "--text", LINES[3], "--json").out)
    assert (shown["kind"], shown["hash"], shown["vocab_size"]) == (kind, trained.hash, trained.vocab_size)
    assert shown["training"]["requested"] == 500
    assert len(shown["ids"]) == len(shown["pieces"])
    assert shown["unknown"] == 0
    assert shown["is_round_trip"] is (kind != "wordpiece")


def test_the_same_text_is_trained_on_once(synth: Synth, text: str, here: Path) -> None:
    for folder in ("first", "second"):
        synth("tokenizer", "train", text, "--kind", "byte-level-bpe", "--vocab-size", "400", "-o", folder)
    assert len(list((here / "stores/.tokenizers").iterdir())) == 1
    names = sorted(path.name for path in (here / "first").iterdir())
    assert names == ["merges.txt", "tokenizer.synth.json", "vocab.json"]
    for name in names:
        assert (here / "first" / name).read_bytes() == (here / "second" / name).read_bytes()


def test_a_corpus_and_its_store_have_one_tokenizer(synth: Synth, here: Path) -> None:
    words = ["--kind", "byte-level-bpe", "--vocab-size", "270"]
    assert synth("tokenizer", "train", "--corpus", "copy", *words, "-o", "mine").code == 0
    named = ["--tokenizer", "byte-level-bpe", "--tokenizer-files", "mine"]
    assert synth("prepare-corpus", "reverse", *named).code == 0
    (store,) = [path for path in (here / "stores").iterdir() if not path.name.startswith(".")]
    shown = json.loads(synth("tokenizer", "inspect", store.name, "--json").out)
    assert shown["hash"] == load_tokenizer(here / "mine").hash
    assert json.loads((store / "manifest.json").read_text())["tokenizer"]["hash"] == shown["hash"]


def test_rare_words_are_left_out(synth: Synth, here: Path) -> None:
    (here / "text.txt").write_text("a b b c c c\n")
    words = ["text.txt", "--kind", "words", "--least-count", "2", "-o", "mine", "--json"]
    said = synth("tokenizer", "train", *words)
    assert json.loads(said.out)["vocab_size"] == 6
    assert "note: the text supports 6 ids; 32,000 were asked for" in said.err
    shown = synth("tokenizer", "inspect", "mine", "--text", "c b a").out
    assert shown.splitlines()[-1] == "c·4 b·5 <unk>·3"


def test_what_a_text_becomes_is_said(synth: Synth, here: Path) -> None:
    synth("prepare-corpus", "copy")
    said = synth("tokenizer", "inspect", "copy.bytes-260", "--text", "aä")
    assert said.out.splitlines()[-1] == "a·101 <0xC3>·199 <0xA4>·168"
    assert said.err == "3 ids, 1.00 bytes each, 0 % unknown; decoding gives the text back\n"
    assert "special  pad 0, bos 1, eos 2, unk 3" in said.out


def test_published_files_are_looked_at(synth: Synth, shared: Path) -> None:
    gpt2 = json.loads(
        synth(
            "tokenizer", "inspect", str(shared / "data/tokenizers/gpt2"), "--text", " Hello ½", "--json"
        ).out
    )
    assert (gpt2["kind"], gpt2["vocab_size"], gpt2["pieces"][0]) == ("gpt2", 50_260, " Hello")
    assert gpt2["is_round_trip"] is True
    bert = json.loads(
        synth(
            "tokenizer",
            "inspect",
            str(shared / "data/tokenizers/bert-base-uncased"),
            "--text",
            "Unseeable",
            "--json",
        ).out
    )
    assert (bert["kind"], bert["vocab_size"]) == ("huggingface", 30_522)
    assert bert["pieces"] == ["un", "##see", "##able"]
    assert bert["special_ids"] == {"pad": 0, "bos": 101, "eos": 102, "unk": 100, "mask": 103}


MISTAKES = {
    "unknown kind": (
        ["train", "text.txt", "--kind", "sentencepiece-bp", "-o", "mine"],
        "unknown tokenizer `sentencepiece-bp`\nhint: did you mean `sentencepiece-bpe`?",
    ),
    "untrained kind": (
        ["train", "text.txt", "--kind", "bytes", "-o", "mine"],
        "`bytes` is not trained\nhint: use it as it is: `--tokenizer bytes`",
    ),
    "no text": (
        ["train", "-o", "mine"],
        "either files or `--corpus` must be given\nhint: `synth tokenizer train FILE... -o DIR`",
    ),
    "two texts": (
        ["train", "text.txt", "--corpus", "copy", "-o", "mine"],
        "either files or `--corpus` must be given, not both\nhint: `synth tokenizer train FILE... -o DIR`",
    ),
    "a source of nothing": (
        ["train", "text.txt", "--source", "data", "-o", "mine"],
        "`--source` belongs to `--corpus`\nhint: name the corpus, or leave it out",
    ),
    "a count of pieces": (
        ["train", "text.txt", "--least-count", "2", "-o", "mine"],
        "`--least-count` is for `words`, not `sentencepiece-unigram`\nhint: leave it out",
    ),
    "no file": (
        ["train", "nowhere.txt", "-o", "mine"],
        "the text file `nowhere.txt` does not exist\nhint: name files of text, plain or .gz",
    ),
    "a folder that is there": (
        ["train", "text.txt", "-o", "there"],
        "`there` exists already\nhint: choose another folder with `-o DIR`",
    ),
    "an empty file": (
        ["train", "empty.txt", "-o", "mine"],
        "no text to train a tokenizer on\nhint: prepare a corpus that is not empty",
    ),
    "not UTF-8": (
        ["train", "latin.txt", "-o", "mine"],
        (
            "`latin.txt` is not UTF-8 at byte 3\n"
            "hint: it seems to be `cp1252`, which reads “abcä”;"
            " convert it: `iconv -f CP1252 -t UTF-8 < latin.txt > mended-latin.txt`"
        ),
    ),
    "too few ids for bytes": (
        ["train", "text.txt", "--kind", "byte-level-bpe", "--vocab-size", "200", "-o", "mine"],
        (
            "cannot train `byte-level-bpe` with `vocab_size = 200`: bytes and special ids alone need 260\n"
            "hint: set `data.tokenizer.vocab_size`, or `--vocab-size`, to 260 or more"
        ),
    ),
    "no room for a word": (
        ["train", "text.txt", "--kind", "words", "--vocab-size", "4", "-o", "mine"],
        (
            "`words` with `vocab_size = 4` has no room for a word\n"
            "hint: 4 ids are special: set `data.tokenizer.vocab_size` higher"
        ),
    ),
    "nothing to inspect": (
        ["inspect", "nowhere"],
        "there is no folder, store or checkpoint `nowhere`\nhint: `synth prepare-corpus NAME` makes a store",
    ),
    "a file to inspect": (
        ["inspect", "text.txt"],
        "`text.txt` is no folder\nhint: name a folder with a tokenizer, a store, or a checkpoint",
    ),
    "a folder of something else": (
        ["inspect", "there"],
        (
            "`there` holds no tokenizer that is known\nhint: expected a folder with `tokenizer.synth.json`,"
            " a `tokenizer.json`, GPT-2's `encoder.json` and `vocab.bpe` or `vocab.json` and `merges.txt`, or"
            " a `vocab.txt`: `synth tokenizer train` makes one"
        ),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_with_a_hint(name: str, synth: Synth, text: str, here: Path) -> None:
    (here / "there").mkdir()
    (here / "empty.txt").write_text("\n \n")
    (here / "latin.txt").write_bytes(b"abc\xe4")
    before = sorted(here.iterdir())
    words, message = MISTAKES[name]
    said = synth("tokenizer", *words)
    assert (said.code, said.out, said.err) == (2, "", f"error: {message}\n")
    assert sorted(here.iterdir()) == before


@pytest.mark.parametrize("kind", TRAINED)
def test_any_size_is_served_or_refused(kind: str, synth: Synth, text: str, here: Path) -> None:
    for number, size in enumerate(["1", "30", "1048576", "2000000000"]):
        said = synth("tokenizer", "train", text, "--kind", kind, "--vocab-size", size, "-o", f"mine-{number}")
        assert said.code == 2 or load_tokenizer(here / f"mine-{number}").vocab_size <= int(size)
        assert "hint: " in said.err or said.code == 0
