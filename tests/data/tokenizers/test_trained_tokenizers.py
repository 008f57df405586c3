"""Training: the same text gives the same tokenizer, once, and whoever asks for it again gets that one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.tokenizers import (
    TRAINERS,
    byte_level_bpe,
    load_given,
    load_tokenizer,
    train_or_load_tokenizer,
    training_sample,
    word_level,
)
from synthcli.data.tokenizers.base import DESCRIPTION
from synthcli.data.tokenizers.bpe import BYTES
from synthcli.errors import SynthError
from tests.data.small import SOURCES, multi30k

TEXTS = [f"def function_{n}(self):\n    return self.value_{n % 7} + {n}" for n in range(300)]
HASHES = """
import sys
from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers import train_or_load_tokenizer
texts = [f"def function_{n}(self):\\n    return self.value_{n % 7} + {n}" for n in range(300)]
for kind in sys.argv[1:]:
    print(train_or_load_tokenizer(TokenizerConfig(kind=kind, vocab_size=400), texts).hash)
"""


def configured(kind: str, size: int = 400, files: Path | None = None) -> TokenizerConfig:
    return TokenizerConfig.model_validate({"kind": kind, "vocab_size": size, "files": files and str(files)})


def hashes(**environment: str) -> list[str]:
    """Return the hash of each kind, trained by a process with these variables."""
    command = [sys.executable, "-c", HASHES, *TRAINERS]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_number_of_threads_changes_nothing() -> None:
    one = hashes(
        RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1", PYTHONHASHSEED="1"
    )
    assert len(set(one)) == len(TRAINERS)
    assert one == hashes(RAYON_NUM_THREADS="3", TOKENIZERS_PARALLELISM="true", PYTHONHASHSEED="2")


@pytest.mark.parametrize("kind", TRAINERS)
def test_the_same_text_is_trained_on_once(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train_or_load_tokenizer(configured(kind), TEXTS, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    _, library = TRAINERS[kind]
    monkeypatch.setitem(TRAINERS, kind, (lambda config, sample: pytest.fail("trained again"), library))
    again = train_or_load_tokenizer(configured(kind), TEXTS, tmp_path)
    assert (again.hash, again.training) == (first.hash, first.training)


def test_other_text_or_another_size_is_another_tokenizer(tmp_path: Path) -> None:
    made = [
        train_or_load_tokenizer(configured("byte-level-bpe", size), texts, tmp_path).hash
        for size, texts in ((400, TEXTS), (401, TEXTS), (400, TEXTS[100:] + SOURCES))
    ]
    assert len(set(made)) == len(list(tmp_path.iterdir())) == 3


def test_a_damaged_cache_is_replaced(tmp_path: Path) -> None:
    first = train_or_load_tokenizer(configured("byte-level-bpe"), TEXTS, tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "merges.txt").write_text("#version: 0.2\n")
    assert train_or_load_tokenizer(configured("byte-level-bpe"), TEXTS, tmp_path).hash == first.hash
    assert load_tokenizer(folder).hash == first.hash


def test_a_description_says_what_was_read(tmp_path: Path) -> None:
    trained = train_or_load_tokenizer(configured("byte-level-bpe"), TEXTS)
    trained.save(tmp_path)
    record = json.loads((tmp_path / DESCRIPTION).read_text())["training"]
    assert record["characters_read"] == record["characters_sampled"] == sum(map(len, TEXTS))
    assert record["requested"] == 400
    assert record["library"].startswith("tokenizers ")
    assert load_tokenizer(tmp_path).training == record


def test_text_beyond_a_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_sample, "READ_AT_MOST", 1_000)
    endless = (f"text {number % 10}" for number in iter(int, 1))
    drawn = training_sample.sample_characters(endless, characters=400)
    assert drawn.read == 1_002
    assert sum(map(len, drawn.chunks)) <= 400


def test_a_long_vocabulary_needs_no_long_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_sample, "SAMPLED_AT_MOST", 2_000)
    assert sum(map(len, training_sample.draw_sample(10**9, TEXTS).chunks)) < 2_200


def test_rare_words_are_forgotten_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_level, "COUNTED_AT_MOST", 50)
    texts = [f"often rarely{number}" for number in range(200)]
    tokenizer = train_or_load_tokenizer(configured("words"), texts)
    assert tokenizer.token(4) == "often"
    assert tokenizer.training is not None
    assert tokenizer.training["forgotten_up_to"] == 4
    assert tokenizer.vocab_size < 60


def test_no_merge_spells_a_special_id() -> None:
    texts = ["<pad> <unk> [MASK] <bos>"] * 50
    tokenizer = train_or_load_tokenizer(configured("byte-level-bpe"), texts)
    (ids,) = tokenizer.encode_batch(texts[:1])
    special = {tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.unk_id}
    assert not special & set(ids)
    assert tokenizer.decode(ids) == texts[0]


def test_bytes_are_written_as_the_library_writes_them() -> None:
    from tokenizers import pre_tokenizers

    assert sorted(BYTES) == sorted(pre_tokenizers.ByteLevel.alphabet())
    ((written, _),) = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(
        "\tä ½"
    )
    assert bytes(BYTES[character] for character in written) == "\tä ½".encode()


@pytest.mark.parametrize("kind", [*TRAINERS, "bytes", "words"])
def test_every_id_is_shown(kind: str) -> None:
    tokenizer = train_or_load_tokenizer(configured(kind), [*TEXTS, "naïve 🙂"])
    shown = [tokenizer.token(number) for number in range(tokenizer.vocab_size)]
    assert len(set(shown)) > 0.9 * len(shown)
    assert all(shown)


def test_a_store_gives_its_tokenizer_to_another(tmp_path: Path) -> None:
    source = multi30k(tmp_path / "data")
    first = prepare_store("multi30k", configured("byte-level-bpe", 300), tmp_path / "stores", source)
    asked = configured("byte-level-bpe", 300, first.path)
    second = prepare_store("copy", asked, tmp_path / "stores")
    assert second.tokenizer.hash == first.tokenizer.hash
    assert second.tokenizer.encode_batch(SOURCES) == first.tokenizer.encode_batch(SOURCES)


MISTAKES = {
    "another kind": (
        "words",
        "`{folder}` holds a `bytes` tokenizer, and `words` was asked for",
        "ask for `bytes`, or name another folder",
    ),
    "no folder": (
        "words",
        "`{folder}` does not exist",
        "name a folder with a tokenizer, a store, or a checkpoint",
    ),
    "a file": (
        "bytes",
        "`{folder}` is no folder",
        "name a folder with a tokenizer, a store, or a checkpoint",
    ),
    "nothing in it": (
        "byte-level-bpe",
        "`{folder}` holds no tokenizer: `tokenizer.synth.json` is missing",
        "prepare it again",
    ),
    "no kind": (
        "bytes",
        "`{folder}/tokenizer.synth.json` names no kind of tokenizer",
        "prepare it again",
    ),
    "a list": (
        "bytes",
        "`{folder}/tokenizer.synth.json` names no kind of tokenizer",
        "prepare it again",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_folder_that_does_not_serve_is_refused(name: str, tmp_path: Path) -> None:
    kind, message, hint = MISTAKES[name]
    folder = tmp_path / "folder"
    if name == "a file":
        folder.write_text("")
    elif name != "no folder":
        folder.mkdir()
    if name == "another kind":
        train_or_load_tokenizer(TokenizerConfig(kind="bytes", vocab_size=260), []).save(folder)
    elif name in ("no kind", "a list"):
        (folder / DESCRIPTION).write_text("[1]" if name == "a list" else '{"kind": 3}')
    with pytest.raises(SynthError) as error:
        load_given(configured(kind, files=folder))
    assert (error.value.message, error.value.hint) == (message.format(folder=folder), hint)


@pytest.mark.parametrize("kind", TRAINERS)
def test_no_text_trains_nothing(kind: str) -> None:
    with pytest.raises(SynthError, match="no text to train a tokenizer on"):
        train_or_load_tokenizer(configured(kind), ["", " \n"])


def test_bytes_need_room() -> None:
    with pytest.raises(SynthError) as error:
        train_or_load_tokenizer(configured("byte-level-bpe", byte_level_bpe.LEAST - 1), TEXTS)
    assert error.value.message == (
        "cannot train `byte-level-bpe` with `vocab_size = 259`: bytes and special ids alone need 260"
    )
