"""A line ends at a line feed and nowhere else: ids, alignments and records stay where files put them."""

import json
from pathlib import Path

import pytest
import transformers
from tokenizers import Tokenizer, models

from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora.reading import json_lines, lines, parallel, read_tabbed, records
from synthcli.data.tokenizers import load_tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.bpe import read_merges
from synthcli.data.tokenizers.hugging_face import load_published
from synthcli.data.tokenizers.vocabulary_file import read_pieces
from synthcli.data.tokenizers.wordpiece import SPECIAL_TOKENS, WordPieceTokenizer
from synthcli.errors import SynthError
from synthcli.exporters.hugging_face.definitions import Module
from synthcli.training.records import read_whole_records
from tests.data.tokenizers.odd_lines import odd_lines

# what Python's `splitlines` and `split` take for the end of a line or a word, and files do not
BREAKS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
BLANK = ["\u2028", "\u3000", "\u00a0", "", "\x85", "\r", "\x0b", "\t", " "]


@pytest.mark.parametrize("blank", BLANK, ids=ascii)
def test_an_entry_of_white_space_has_its_id(blank: str, tmp_path: Path) -> None:
    """As Google's Chinese vocabulary has U+2028 among its pieces: what follows keeps the ids of its lines."""
    pieces = [*SPECIAL_TOKENS, "the", blank, "film", "##s", "was", "中"]
    (tmp_path / "vocab.txt").write_bytes("".join(f"{piece}\n" for piece in pieces).encode())
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    ours = load_published(tmp_path)
    texts = ["the films was 中", f"the{blank}film", *odd_lines()[::30]]
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert ours.encode_batch(texts) == theirs(texts, add_special_tokens=False)["input_ids"]
    assert ours.encode_batch(texts)[0] == [5, 7, 8, 9, 10]
    assert ours.vocab_size == len(pieces)
    (tmp_path / "kept").mkdir()
    ours.save(tmp_path / "kept")
    assert load_tokenizer(tmp_path / "kept").encode_batch(texts) == ours.encode_batch(texts)


def test_every_entry_of_white_space_at_once_and_as_our_own_kind(tmp_path: Path) -> None:
    pieces = [*SPECIAL_TOKENS, *BLANK, "the", "film"]
    (tmp_path / "vocab.txt").write_bytes("".join(f"{piece}\n" for piece in pieces).encode())
    config = TokenizerConfig(kind="wordpiece", vocab_size=99, files=str(tmp_path))
    own = train_or_load_tokenizer(config, [])
    assert own.encode_batch(["the film"]) == load_published(tmp_path).encode_batch(["the film"]) == [[14, 15]]
    (tmp_path / "kept").mkdir()
    own.save(tmp_path / "kept")
    assert (tmp_path / "kept" / "vocab.txt").read_bytes() == (tmp_path / "vocab.txt").read_bytes()
    assert load_tokenizer(tmp_path / "kept").hash == own.hash


def test_the_description_of_such_a_vocabulary_is_read_alike(tmp_path: Path) -> None:
    pieces = [*SPECIAL_TOKENS, "\u2028", "the", "film\nend", "film"]
    model = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    (tmp_path / "tokenizer.json").write_text(model.to_str(), encoding="utf-8")
    ours = load_published(tmp_path)
    (tmp_path / "kept").mkdir()
    ours.save(tmp_path / "kept")
    again = load_tokenizer(tmp_path / "kept")
    assert again.hash == ours.hash and again.encode_batch(["film"]) == [[8]]


def test_lines_that_end_in_cr_lf_and_white_space_after_an_entry(tmp_path: Path) -> None:
    """The tokenizers library takes neither for a part of the entry, and so transformers' ids are these."""
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    entries = [*SPECIAL_TOKENS, "the ", "film\t", "was\u3000", "good"]
    for end in ("\n", "\r\n"):
        (tmp_path / "vocab.txt").write_bytes("".join(f"{entry}{end}" for entry in entries).encode())
        theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
        text = ["the film was good"]
        found = load_published(tmp_path).encode_batch(text)
        assert found == theirs(text, add_special_tokens=False)["input_ids"] == [[5, 6, 7, 8]]


def test_blank_lines_twice_keep_their_ids_and_entries_twice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes("\n".join([*SPECIAL_TOKENS, "", "a", "", "b"]).encode())
    assert load_published(tmp_path).encode_batch(["a b"]) == [[6, 8]]
    assert len(read_pieces(tmp_path)) == 9
    (tmp_path / "vocab.txt").write_bytes("\n".join([*SPECIAL_TOKENS, "a", "b", "a "]).encode())
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    assert caught.value.message == f"`{tmp_path / 'vocab.txt'}` names `a` twice"


def test_a_byte_order_mark_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes(b"\xef\xbb\xbf" + "\n".join(SPECIAL_TOKENS).encode())
    with pytest.raises(SynthError) as caught:
        load_published(tmp_path)
    assert caught.value.message == f"`{tmp_path / 'vocab.txt'}` begins with a byte order mark"


def test_a_blank_line_in_a_list_of_words_is_refused(tmp_path: Path) -> None:
    """It was passed over, and every word after it had the rank of the one before."""
    (tmp_path / "vocab.txt").write_text("the 9\n\u2028\nof 3\n\n", encoding="utf-8")
    with pytest.raises(SynthError) as caught:
        train_or_load_tokenizer(TokenizerConfig(kind="words", vocab_size=9, files=str(tmp_path)), [])
    assert caught.value.message == f"`{tmp_path / 'vocab.txt'}` holds no entry at line 2"


def test_what_saved_pieces_were_is_read_to_the_letter(tmp_path: Path) -> None:
    own = WordPieceTokenizer([*SPECIAL_TOKENS, "a\r", "b ", "\x1c", "c"])
    own.save(tmp_path)
    found = load_tokenizer(tmp_path)
    assert isinstance(found, WordPieceTokenizer)
    assert found.pieces == own.pieces and found.hash == own.hash


def test_merges_that_end_in_cr_lf() -> None:
    assert read_merges(b"#version: 0.2\r\na b\r\n\xc4\xa0 c\r\n") == [("a", "b"), ("\u0120", "c")]
    with pytest.raises(ValueError, match="line 3 of the merges is no pair"):
        read_merges(b"#version: 0.2\na b\na b c\n")


@pytest.mark.parametrize("mark", BREAKS, ids=ascii)
def test_texts_stay_beside_each_other(mark: str, tmp_path: Path) -> None:
    """In parallel files, JSON lines, csv and tabbed rows."""
    rows = [(f"one{mark}two", "eins"), ("three", f"{mark}drei"), ("four", "vier")]
    left, right = tmp_path / "a", tmp_path / "b"
    left.write_text("".join(f"{row[0]}\n" for row in rows), encoding="utf-8")
    right.write_text("".join(f"{row[1]}\n" for row in rows), encoding="utf-8")
    assert list(parallel(left, right)) == rows
    assert list(lines(left)) == [row[0] for row in rows]
    path = tmp_path / "rows"
    path.write_text(
        "".join(json.dumps({"t": row}, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    assert [record["t"] for _, record in json_lines(path)] == [list(row) for row in rows]
    path.write_text("".join(f"{row[0]}\t{row[1]}\n" for row in rows), encoding="utf-8")
    assert list(read_tabbed(path)) == [(number, list(row)) for number, row in enumerate(rows, start=1)]
    path.write_text("".join(f"{row[0]},{row[1]}\n" for row in rows), encoding="utf-8")
    assert [fields for _, fields in records(path)] == [list(row) for row in rows]


def test_a_journal_and_a_source_file(tmp_path: Path) -> None:
    text = "".join(json.dumps({"step": n, "text": "a\u2028b"}, ensure_ascii=False) + "\n" for n in range(3))
    path = tmp_path / "journal.jsonl"
    path.write_text(text + '{"step": 3', encoding="utf-8")
    found, damaged = read_whole_records(path)
    assert [record.values for record in found] == [{"step": n, "text": "a\u2028b"} for n in range(3)]
    assert ("".join(record.line for record in found), damaged) == (text, [4])
    source = 'A = "a\u2028b"\n\x0c\n\n\ndef second() -> int:\n    return 2\n'
    module = Module("m", source)
    second = module.tree.body[1]
    assert second.end_lineno is not None
    assert module.text(second.lineno, second.end_lineno) == "def second() -> int:\n    return 2"
