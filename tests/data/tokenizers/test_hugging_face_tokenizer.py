"""Tokenizers of published models: ids equal transformers', marks are where their publisher put them."""

import json
from pathlib import Path

import pytest
import transformers

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers import Tokenizer, load_given, load_tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.find_tokenizer import find_tokenizer
from synthcli.data.tokenizers.hugging_face import load_published
from synthcli.errors import SynthError
from tests.importers.hub_folders import END, LINES, bert_folder, gpt2_folder

TEXTS = [
    *LINES,
    "",
    "  two  spaces ",
    "naïve Façade 12.5% don't",
    "日本語 \u200b\x00\tA",
    f"x {END} y [MASK]",
]


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpt2")
    gpt2_folder(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    bert_folder(folder)
    return folder


def theirs(folder: Path) -> transformers.PreTrainedTokenizerBase:
    return transformers.AutoTokenizer.from_pretrained(folder)


def same_ids(tokenizer: Tokenizer, folder: Path, texts: list[str]) -> None:
    read = theirs(folder)
    expected = [read(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert tokenizer.encode_batch(texts) == expected


def test_a_byte_level_vocabulary(gpt2: Path, tmp_path: Path) -> None:
    tokenizer = load_published(gpt2)
    assert (tokenizer.kind, tokenizer.vocab_size) == ("huggingface", len(theirs(gpt2)))
    same_ids(tokenizer, gpt2, TEXTS)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id, tokenizer.unk_id) == (0, 0, 0, 0)
    assert tokenizer.mask_id is None
    assert tokenizer.decode(tokenizer.encode_batch(["naïve 日本"])[0]) == "naïve 日本"
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.hash == tokenizer.hash and again.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)


def test_only_the_files_of_old(gpt2: Path, tmp_path: Path) -> None:
    """`vocab.json` and `merges.txt`, as the first GPT-2s had them, and nothing that names a token."""
    model = json.loads((gpt2 / "tokenizer.json").read_text())["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = "\n".join(" ".join(pair) for pair in model["merges"])
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    tokenizer = load_published(tmp_path)
    plain = [text for text in TEXTS if END not in text]
    assert tokenizer.encode_batch(plain) == load_published(gpt2).encode_batch(plain)
    assert tokenizer.eos_id == model["vocab"][END]


def test_berts_pieces(bert: Path, tmp_path: Path) -> None:
    """The same from either file; as our own `wordpiece` they differ in special tokens in a text alone."""
    tokenizer = load_published(bert)
    assert (tokenizer.kind, tokenizer.mask_id) == ("huggingface", 4)
    same_ids(tokenizer, bert, TEXTS)
    pieces = json.loads((bert / "tokenizer.json").read_text())["model"]["vocab"]
    (tmp_path / "vocab.txt").write_text("\n".join(sorted(pieces, key=pieces.__getitem__)) + "\n")
    assert load_published(tmp_path).encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
    config = TokenizerConfig.model_validate({"kind": "wordpiece", "vocab_size": 100, "files": str(bert)})
    own, plain = load_given(config), [text for text in TEXTS if "[MASK]" not in text]
    assert own.kind == "wordpiece"
    assert own.encode_batch(plain) == tokenizer.encode_batch(plain)


def test_neither_truncation_nor_options_of_a_description_count(bert: Path, tmp_path: Path) -> None:
    """In every version of transformers BERT's class takes accents from its settings, not from the file."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((bert / name).read_bytes())
    table = json.loads((tmp_path / "tokenizer.json").read_text())
    table["normalizer"]["strip_accents"] = False
    table["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    (tmp_path / "tokenizer.json").write_text(json.dumps(table))
    tokenizer = load_published(tmp_path)
    assert tokenizer.kind == "huggingface"
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.mask_id) == (2, 3, 4)
    assert len(tokenizer.encode_batch(["the film was good"])[0]) == 4  # nothing is cut off
    same_ids(tokenizer, tmp_path, [*TEXTS[:-1], "the fïlm"])


def test_a_folder_for_prepare_corpus(gpt2: Path) -> None:
    config = TokenizerConfig.model_validate({"kind": "huggingface", "files": str(gpt2)})
    assert load_given(config).hash == load_published(gpt2).hash == find_tokenizer(gpt2).hash


def test_without_files_it_is_refused() -> None:
    with pytest.raises(SynthError) as caught:
        train_or_load_tokenizer(TokenizerConfig.model_validate({"kind": "huggingface"}), LINES)
    assert caught.value.message == "`huggingface` needs the files of a tokenizer"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{", "cannot be read"),
        ("tokenizer.json", "[]", "cannot be read"),
        ("tokenizer.json", '{"model": {"type": "BPE"}}', "cannot be read"),
        ("tokenizer_config.json", "[1]", "cannot be read"),
        ("special_tokens_map.json", "\0", "cannot be read"),
    ],
)
def test_damaged_files_are_one_message(
    name: str, content: str, message: str, gpt2: Path, tmp_path: Path
) -> None:
    for path in gpt2.glob("token*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_text(content)
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    assert message in caught.value.message and "\n" not in caught.value.message


def test_a_vocabulary_that_names_no_end_is_refused(gpt2: Path, tmp_path: Path) -> None:
    table = json.loads((gpt2 / "tokenizer.json").read_text())
    text = json.dumps(table).replace(END, "<|other|>")
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    assert caught.value.message == (
        f"the tokenizer in `{tmp_path}` names no `pad_token`, `bos_token`, `eos_token`, `unk_token`"
    )
