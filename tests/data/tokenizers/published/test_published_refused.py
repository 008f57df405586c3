"""Settings of published tokenizers that cannot be honoured, by name, and those beside which they decide."""

import json
from pathlib import Path

import pytest
import transformers

from synthcli.data.tokenizers.hugging_face import load_published
from synthcli.errors import SynthError
from tests.data.tokenizers.odd_lines import odd_lines
from tests.data.tokenizers.published.published_folders import (
    MARKS,
    Case,
    bert_vocabulary,
    differing,
    write,
    write_case,
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
        load_published(tmp_path)
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
        load_published(tmp_path)
    names = {"folder": tmp_path, "size": len(bert_vocabulary())}
    assert caught.value.message == message.format(tmp_path / "tokenizer_config.json", **names)


def test_extra_tokens_of_two_files_are_joined_as_lists(tmp_path: Path) -> None:
    write_case(Case("bert", "bare", "none", {"extra_special_tokens": {"image": "<image>"}}), tmp_path)
    write(tmp_path / "special_tokens_map.json", {"extra_special_tokens": ["<ent>"]})
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    value = '{"image": "<image>"}'
    assert caught.value.message == f"`extra_special_tokens = {value}` of `{path}` is not a list of tokens"


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
        load_published(tmp_path)
    assert caught.value.message == message.format(path).replace("`bert`", "`BertTokenizer`")
    plain = '`tokenizer_class = "PreTrainedTokenizerFast"` in `tokenizer_config.json`'
    assert caught.value.hint == f"to read the file as it stands: {plain}"
    write(tmp_path / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    lines = odd_lines()[::10]
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert (
        load_published(tmp_path).encode_batch(lines) == theirs(lines, add_special_tokens=False)["input_ids"]
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
        load_published(tmp_path)
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
        load_published(tmp_path)
    where = tmp_path / "tokenizer_config.json"
    message = f"`added_tokens_decoder` of `{where}` leaves out `<l>`, which `tokenizer.json` adds"
    assert caught.value.message == message


def test_files_that_give_one_id_to_two_tokens(tmp_path: Path) -> None:
    write_case(Case("bert", "json", "described"), tmp_path)
    table = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    (number,) = (token["id"] for token in table["added_tokens"] if token["content"] == "<l>")
    write(tmp_path / "added_tokens.json", {"<other>": number})
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    message = f"the files in `{tmp_path}` give both `<other>` and `<l>` the id {number}"
    assert caught.value.message == message


def test_a_token_that_is_special_and_is_not(tmp_path: Path) -> None:
    typed = {"__type": "AddedToken", "content": "<ent>", "special": False}
    write_case(Case("gpt2", "bare", "none", {"extra_special_tokens": ["<ent>", typed]}), tmp_path)
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
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
        load_published(tmp_path)
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
    plain = load_published(tmp_path)
    assert plain.encode_batch(["The THE film"]) == [[5, 5, 7]]
    (note,) = plain.notes
    assert note.startswith(
        "text is lower-cased, as transformers does where no `do_lower_case` is set, though 1 "
    )
    write(tmp_path / "tokenizer_config.json", {"do_lower_case": True})
    said = load_published(tmp_path)
    assert said.encode_batch(["The THE film"]) == [[5, 5, 7]] and said.notes == ()
    write(tmp_path / "tokenizer_config.json", {"do_lower_case": False})
    assert load_published(tmp_path).encode_batch(["The THE film"]) == [[6, 1, 7]]


def test_berts_usual_tokens_are_taken_where_nothing_names_any(tmp_path: Path) -> None:
    write_case(Case("plain-bert", "json", "none"), tmp_path)
    for name in ("tokenizer_config.json", "config.json"):
        (tmp_path / name).unlink()
    found = load_published(tmp_path)
    assert (found.pad_id, found.unk_id, found.bos_id, found.eos_id, found.mask_id) == (0, 1, 2, 3, 4)
