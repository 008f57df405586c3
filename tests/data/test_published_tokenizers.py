"""Folders of published tokenizers: 3,000 odd lines have transformers' ids, whatever the settings say."""

import hashlib
import json
from itertools import chain
from pathlib import Path

import pytest
import transformers
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

from synthcli.data.config import TokenizerConfig
from synthcli.data.tokenizers import load_tokenizer, tokenizer_in
from synthcli.data.tokenizers.finding import tokenizer_of
from synthcli.data.tokenizers.hugging_face import HuggingFaceTokenizer, published_tokenizer
from synthcli.data.tokenizers.published.settings import MODELS
from synthcli.errors import SynthError
from tests.data.odd_lines import odd_lines
from tests.data.published_folders import (
    GROUPS,
    MARKS,
    Case,
    bert_vocabulary,
    cases,
    differing,
    read_case,
    write,
    write_case,
)

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
    ours, theirs = published_tokenizer(tmp_path), transformers.AutoTokenizer.from_pretrained(tmp_path)
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
    assert ours.hash == tokenizer_of(folder).hash == tokenizer_in(config).hash
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
        published_tokenizer(tmp_path).encode_batch(lines)
        == theirs(lines, add_special_tokens=False)["input_ids"]
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
        published_tokenizer(tmp_path)
    assert (
        caught.value.message
        == f"the tokenizer of `roberta` needs a `tokenizer.json`, and `{tmp_path}` has none"
    )


REFUSED = {
    "never_split": (["film"], "only `never_split = null` can be honoured"),
    "do_basic_tokenize": (False, "only `do_basic_tokenize = true` can be honoured"),
    "wordpieces_prefix": ("@@", 'only `wordpieces_prefix = "##"` can be honoured'),
    "add_eos_token": (True, "only `add_eos_token = false` can be honoured"),
    "auto_map": ({"AutoTokenizer": ["a.B", None]}, "only `auto_map = null` can be honoured"),
    "add_prefix_space": (True, "`BertTokenizer` does not read it: take the line out"),
    "keep_accents": (True, "take the line out if it does not change how text is read"),
    "odd_token": (3, "take the line out if it does not change how text is read"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_is_not_honoured_is_refused_by_name(key: str, tmp_path: Path) -> None:
    value, hint = REFUSED[key]
    write_case(Case("bert", "bare", "none", {key: value}), tmp_path)
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    assert caught.value.message == f"`{key} = {json.dumps(value)}` of `{path}` cannot be honoured"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"do_lower_case": "yes"}, '`do_lower_case = "yes"` of `{}` is not true or false'),
        ({"split_special_tokens": 1}, "`split_special_tokens = 1` of `{}` is not true or false"),
        (
            {"mask_token": 4},
            "`mask_token = 4` of `{}` is not a token: its text, or a table with its `content`",
        ),
        ({"additional_special_tokens": "x"}, '`extra_special_tokens = "x"` of `{}` is not a list of tokens'),
        (
            {"added_tokens_decoder": []},
            "`added_tokens_decoder = []` of `{}` is not a table of tokens by their ids",
        ),
        (
            {"added_tokens_decoder": {"9999": {"content": "<new>"}}},
            "the files in `{folder}` give `<new>` the id 9999, and its place in the vocabulary is {size}",
        ),
        (
            {"added_tokens_decoder": {"0": {"content": "[PAD]", "bold": True}}},
            "the token `[PAD]` in `{folder}` has the flag `bold`",
        ),
        ({"unk_token": "<none>"}, "the vocabulary in `{folder}` lacks the unknown token, `<none>`"),
        (
            {"tokenizer_class": "XLNetTokenizer"},
            "the tokenizer of `XLNetTokenizer` needs a `tokenizer.json`, and `{folder}` has none",
        ),
        ({"tokenizer_class": 3}, "`tokenizer_class = 3` of `{}` is not a name"),
    ],
)
def test_values_that_mean_nothing_are_refused(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    write_case(Case("bert", "bare", "none", options), tmp_path)
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    names = {"folder": tmp_path, "size": len(bert_vocabulary())}
    assert caught.value.message == message.format(tmp_path / "tokenizer_config.json", **names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("normalizer", "clean_text", False), "`normalizer.clean_text = false` of `{}`, and `bert` has true"),
        (
            ("pre_tokenizer", "type", "Whitespace"),
            '`pre_tokenizer.type = "Whitespace"` of `{}`, and `bert` has "BertPreTokenizer"',
        ),
        (
            ("model", "max_input_chars_per_word", 9),
            "`model.max_input_chars_per_word = 9` of `{}`, and `bert` has 100",
        ),
        (
            ("model", "continuing_subword_prefix", "@"),
            '`model.continuing_subword_prefix = "@"` of `{}`, and `bert` has "##"',
        ),
    ],
)
def test_a_description_that_its_class_would_not_read(
    change: tuple[str, str, object], message: str, tmp_path: Path
) -> None:
    """Transformers 4 read what the file says, 5 what the class says: refused, but for the plain class."""
    write_case(Case("bert", "json", "none"), tmp_path)
    path = tmp_path / "tokenizer.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    part, key, value = change
    table[part][key] = value
    write(path, table)
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    assert caught.value.message == message.format(path).replace("`bert`", "`BertTokenizer`")
    plain = '`tokenizer_class = "PreTrainedTokenizerFast"` in `tokenizer_config.json`'
    assert caught.value.hint == f"to read the file as it stands: {plain}"
    write(tmp_path / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    lines = odd_lines()[::10]
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (
        published_tokenizer(tmp_path).encode_batch(lines)
        == theirs(lines, add_special_tokens=False)["input_ids"]
    )


@pytest.mark.parametrize(
    ("options", "is_refused"),
    [
        ({"do_lower_case": False}, False),
        ({"do_lower_case": True}, True),
        ({"strip_accents": True}, True),
        ({"strip_accents": None, "tokenize_chinese_chars": True}, False),
        ({"add_prefix_space": True}, True),
    ],
)
def test_an_option_beside_a_description_that_decides(
    options: dict[str, object], is_refused: bool, tmp_path: Path
) -> None:
    """The plain class reads none of them: one that says what is so is accepted, another refused."""
    case = Case("plain-bert", "json", "none", options)
    if not is_refused:
        assert differing(case, tmp_path, odd_lines()[::10]) == []
        return
    write_case(case, tmp_path)
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    ((key, value),) = options.items()
    path = tmp_path / "tokenizer_config.json"
    assert caught.value.message == f"`{key} = {json.dumps(value)}` of `{path}` cannot be honoured"
    said = "`PreTrainedTokenizerFast` does not read it, and `tokenizer.json` says false: take the line out"
    assert caught.value.hint == said


def test_a_token_that_one_file_adds_and_the_newer_leaves_out(tmp_path: Path) -> None:
    case = Case(
        "bert", "json", "described", {"added_tokens_decoder": {"0": {"content": "[PAD]", "special": True}}}
    )
    write_case(case, tmp_path)
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    where = tmp_path / "tokenizer_config.json"
    message = f"`added_tokens_decoder` of `{where}` leaves out `<l>`, which `tokenizer.json` adds"
    assert caught.value.message == message


def test_files_that_give_one_id_to_two_tokens(tmp_path: Path) -> None:
    write_case(Case("bert", "json", "described"), tmp_path)
    table = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    (number,) = (token["id"] for token in table["added_tokens"] if token["content"] == "<l>")
    write(tmp_path / "added_tokens.json", {"<other>": number})
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    message = f"the files in `{tmp_path}` give both `<other>` and `<l>` the id {number}"
    assert caught.value.message == message


def test_a_token_that_is_special_and_is_not(tmp_path: Path) -> None:
    typed = {"__type": "AddedToken", "content": "<ent>", "special": False}
    write_case(Case("gpt2", "bare", "none", {"extra_special_tokens": ["<ent>", typed]}), tmp_path)
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    message = f"the token `<ent>` is special in one place of the files in `{tmp_path}`, and not in another"
    assert caught.value.message == message


def test_tokens_that_normalising_makes_one(tmp_path: Path) -> None:
    size = len(bert_vocabulary())
    tokens = {
        str(size): {"content": "Ünï", "normalized": True},
        str(size + 1): {"content": "uni", "normalized": True},
    }
    write_case(Case("bert", "bare", "none", {"added_tokens_decoder": tokens}), tmp_path)
    with pytest.raises(SynthError) as caught:
        published_tokenizer(tmp_path)
    message = f"the added tokens `Ünï` and `uni` in `{tmp_path}` are one once they are normalised"
    assert caught.value.message == message


def test_tokens_that_are_tables_in_the_settings_are_matched_after_normalising(tmp_path: Path) -> None:
    """`added_tokens.json` does not know them for special in any version of transformers."""
    table = {"__type": "AddedToken", "content": "<ENT>", "special": True, "normalized": False}
    case = Case("bert", "bare", "none", {"mask_token": table})
    write(tmp_path / "added_tokens.json", {"<ENT>": len(bert_vocabulary())})
    assert differing(case, tmp_path, ["a <ent> b <ENT> c", *odd_lines()[::10]]) == []


def test_case_is_what_the_settings_say(tmp_path: Path) -> None:
    """One piece with a capital letter does not make a vocabulary cased; where nothing is said, a note is."""
    (tmp_path / "vocab.txt").write_text("\n".join([*MARKS, "the", "The", "film"]) + "\n", encoding="utf-8")
    plain = published_tokenizer(tmp_path)
    assert plain.encode_batch(["The THE film"]) == [[5, 5, 7]]
    (note,) = plain.notes
    assert note.startswith(
        "text is lower-cased, as transformers does where no `do_lower_case` is set, though 1 "
    )
    write(tmp_path / "tokenizer_config.json", {"do_lower_case": True})
    said = published_tokenizer(tmp_path)
    assert said.encode_batch(["The THE film"]) == [[5, 5, 7]] and said.notes == ()
    write(tmp_path / "tokenizer_config.json", {"do_lower_case": False})
    assert published_tokenizer(tmp_path).encode_batch(["The THE film"]) == [[6, 1, 7]]


def test_berts_usual_tokens_are_taken_where_nothing_names_any(tmp_path: Path) -> None:
    write_case(Case("plain-bert", "json", "none"), tmp_path)
    for name in ("tokenizer_config.json", "config.json"):
        (tmp_path / name).unlink()
    found = published_tokenizer(tmp_path)
    assert (found.pad_id, found.unk_id, found.bos_id, found.eos_id, found.mask_id) == (0, 1, 2, 3, 4)


def test_no_case_is_read_twice() -> None:
    every = list(map(str, chain.from_iterable(cases(*group) for group in GROUPS)))
    assert len(every) == len(set(every)) == 1125
