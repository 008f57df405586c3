"""Folders of published tokenizers: 3,000 odd lines have transformers' ids, whatever the settings say."""

import hashlib
import json
from itertools import chain
from pathlib import Path

import pytest
import transformers
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers import load_given, load_tokenizer
from synthcli.data.tokenizers.find_tokenizer import find_tokenizer
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer, load_published
from synthcli.data.tokenizers.published.settings import MODELS
from synthcli.errors import SynthError
from tests.data.tokenizers.odd_lines import odd_lines
from tests.data.tokenizers.published.published_folders import (
    GROUPS,
    Case,
    cases,
    differing,
    read_case,
    write,
    write_case,
)

pytestmark = pytest.mark.slow

SHARE = 15  # of the lines each combination reads a fifteenth, another one each time; `WHOLE` read all
WHOLE = [
    Case("bert", "bare", "none", {}),
    Case("bert", "bare", "decoder", {"do_lower_case": False, "tokenize_chinese_chars": False}),
    Case("bert", "json", "described", {"do_lower_case": False, "strip_accents": True}),
    Case("bert", "json", "added", {"do_lower_case": True, "strip_accents": False}),
    Case("gpt2", "bare", "added", {"add_prefix_space": True}),
    Case("gpt2", "json", "described", {"split_special_tokens": True}),
    Case("plain-bert", "json", "extra", {"clean_up_tokenization_spaces": True}),
    Case("plain-gpt2", "json", "decoder", {}),
]


@pytest.mark.parametrize("group", GROUPS, ids="-".join)
def test_every_combination_of_settings(group: tuple[str, str, str], tmp_path: Path) -> None:
    """The options that every class has go round; the script in `published_folders` crosses them too."""
    own = [
        case
        for number, case in enumerate(cases(*group))
        if group[0].startswith("plain") or number % 3 == number // 3 % 3
    ]
    assert len(own) == {"bert": 24, "gpt2": 9}.get(group[0], 3)
    for number, case in enumerate(own):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert differing(case, folder, odd_lines()[number % SHARE :: SHARE]) == [], str(case)


@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_all_of_the_lines(case: Case, tmp_path: Path) -> None:
    assert differing(case, tmp_path, odd_lines()) == []


REAL = {
    "bert-base-uncased": ("bert", {"vocab.txt": "vocab.txt"}, {"strip_accents": False}),
    "gpt2": ("gpt2", {"encoder.json": "vocab.json", "vocab.bpe": "merges.txt"}, {"add_prefix_space": True}),
}


@pytest.mark.parametrize("is_set", [False, True])
@pytest.mark.parametrize("name", REAL)
def test_vocabularies_as_they_were_published(name: str, is_set: bool, shared: Path, tmp_path: Path) -> None:
    model, files, settings = REAL[name]
    for source, own in files.items():
        (tmp_path / own).write_bytes((shared / "data/tokenizers" / name / source).read_bytes())
    write(tmp_path / "config.json", {"model_type": model})
    write(tmp_path / "tokenizer_config.json", settings if is_set else {})
    ours, theirs = load_published(tmp_path), transformers.AutoTokenizer.from_pretrained(tmp_path)
    expected = theirs(odd_lines(), add_special_tokens=False)["input_ids"]
    assert ours.encode_batch(odd_lines()) == expected
    decoded = [theirs.decode(ids, skip_special_tokens=True) for ids in expected]
    assert [ours.decode(ids) for ids in expected] == decoded


def test_special_ids_are_those_of_transformers(tmp_path: Path) -> None:
    for number, group in enumerate(GROUPS):
        folder = tmp_path / str(number)
        folder.mkdir()
        ours, theirs = read_case(next(cases(*group)), folder)
        found = {"unk": ours.unk_id, "mask": ours.mask_id, "pad": ours.pad_id}
        for role, own in found.items():
            expected = getattr(theirs, f"{role}_token_id")
            assert expected is None or own == expected, (group, role)
        ends = (theirs.cls_token_id, theirs.sep_token_id)
        assert (ours.bos_id, ours.eos_id) == (ends if "bert" in group[0] else (theirs.bos_token_id,) * 2)


def test_what_was_read_is_kept(tmp_path: Path) -> None:
    """Saved and loaded again it has the same ids and the same hash, and every reader finds the same one."""
    case = Case("bert", "bare", "decoder", {"split_special_tokens": True, "do_lower_case": False})
    folder, kept = tmp_path / "folder", tmp_path / "kept"
    folder.mkdir()
    kept.mkdir()
    ours, _ = read_case(case, folder)
    config = TokenizerConfig(kind="huggingface", vocab_size=10**6, files=str(folder))
    assert ours.hash == find_tokenizer(folder).hash == load_given(config).hash
    ours.save(kept)
    again = load_tokenizer(kept)
    assert again.hash == ours.hash
    lines = odd_lines()[::9]
    assert again.encode_batch(lines) == ours.encode_batch(lines)


def test_the_hash_of_one_written_before_is_what_it_was(tmp_path: Path) -> None:
    """By its formula: the kind, the description and the ids of special tokens, nothing else."""
    write_case(Case("plain-gpt2", "json", "none"), tmp_path)
    description = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    ids = {"pad": 0, "bos": 0, "eos": 0, "unk": 0}
    named = json.dumps(ids, sort_keys=True)
    expected = hashlib.sha256(f"huggingface{description}{named}".encode()).hexdigest()
    assert HuggingFaceTokenizer(description, ids).hash == expected


CLASSES = ["DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "BertTokenizerFast"]
CLASSES += ["SqueezeBertTokenizer", "LayoutLMTokenizer", "LxmertTokenizer"]


@pytest.mark.parametrize("place", ["tokenizer_config.json", "config.json"])
@pytest.mark.parametrize("name", CLASSES)
def test_other_names_of_berts_class(name: str, place: str, tmp_path: Path) -> None:
    write_case(Case("bert", "bare", "none", {"do_lower_case": False}), tmp_path)
    table = json.loads((tmp_path / place).read_text(encoding="utf-8"))
    write(tmp_path / place, table | {"tokenizer_class": name})
    lines = odd_lines()[::20]
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (
        load_published(tmp_path).encode_batch(lines) == theirs(lines, add_special_tokens=False)["input_ids"]
    )


def test_the_class_of_a_model_that_names_none() -> None:
    """By `model_type`: the classes are those of transformers, some of them under other names."""
    for model, name in MODELS.items():
        theirs = tokenizer_class_from_name(TOKENIZER_MAPPING_NAMES[model])
        assert issubclass(theirs, tokenizer_class_from_name(name)), model


@pytest.mark.parametrize("files", ["vocab.txt", "vocab.json"])
def test_files_of_a_model_whose_class_we_do_not_build(files: str, tmp_path: Path) -> None:
    """RoBERTa has the files of GPT-2, and other special tokens."""
    write_case(Case("bert" if files == "vocab.txt" else "gpt2", "bare", "none"), tmp_path)
    write(tmp_path / "config.json", {"model_type": "roberta"})
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    assert (
        caught.value.message
        == f"the tokenizer of `roberta` needs a `tokenizer.json`, and `{tmp_path}` has none"
    )


def test_no_case_is_read_twice() -> None:
    every = list(map(str, chain.from_iterable(cases(*group) for group in GROUPS)))
    assert len(every) == len(set(every)) == 1125
