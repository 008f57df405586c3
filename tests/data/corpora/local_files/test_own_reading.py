"""How a user's own files are read: encodings, ends of lines, arrays, fields, classes, names of corpora."""

import codecs
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import synthcli
from synthcli.data.corpora import find_corpus
from synthcli.data.corpora.json_items import read_items
from synthcli.data.corpora.local_files.encodings import likely_encoding
from synthcli.data.corpora.local_files.fields import field_from, find_paths
from synthcli.data.corpora.local_files.file_format import OwnFileFormat, read_format
from synthcli.data.corpora.local_files.options import (
    parse_name_options,
    quote,
    split_at,
    unquote,
    with_options,
)
from synthcli.data.corpora.reading import BLOCK, lines
from synthcli.errors import SynthError
from tests.data.small import write

OWN_DATA = Path(__file__).parents[4] / "docs" / "own-data.md"
COMMANDS = Path(synthcli.__file__).parent / "cli"
ODD = [
    "plain",
    "a,b",
    'say "when"',
    '"',
    '""',
    "a+b",
    "a=b",
    " x ",
    "x:y/z\\",
    "tab\tline\nend",
    "{",
    "+",
    "ü",
]


@pytest.mark.parametrize("value", ODD)
def test_any_value_comes_back_from_a_name(value: str) -> None:
    name = with_options("csv:text=x", label=value, target="after")
    options = parse_name_options(name, {"text": "", "label": "", "target": ""})
    assert {key: unquote(written) for key, written in options.items()} == {
        "text": "x", "label": value, "target": "after",
    }  # fmt: skip
    several = "+".join(map(quote, [value, *ODD]))
    assert [unquote(part) for part in split_at("+", several)] == [value, *ODD]
    assert with_options(name, label=None, text=None) == "csv:target=after"


def test_every_name_in_the_docs_and_in_help_is_one() -> None:
    names = re.findall(r"`((?:text|csv|jsonl|parallel)(?::[^`]*)?)`", OWN_DATA.read_text(encoding="utf-8"))
    assert len(names) > 20
    for command in ("train", "finetune", "prepare_corpus"):
        help_text = (COMMANDS / f"{command}.py").read_text(encoding="utf-8")
        told = re.findall(r"(?:corpus[ =])(csv\S*)$|corpus (csv:\S*) --source", help_text, re.MULTILINE)
        assert len(told) == 1
        names += [one or other for one, other in told]
        assert find_corpus(names[-1]).kind == "labelled"
    assert all(find_corpus(name).finds_source for name in names)


TEXTS = {
    "cp1252": "Café – it’s naïve, and so on",
    "cp1250": "Zażółć gęślą jaźń, proszę bardzo; źle się dzieje",
    "cp1251": "Привет, мир: как дела сегодня?",
    "cp932": "日本語のテキストです。これは長い文章。",
    "gb18030": "今天天气很好，我们去公园散步",
    "utf-16-le": "plain text, nothing else",
    "utf-16-be": "plain text, nothing else",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_an_encoding_is_guessed_and_read(encoding: str, tmp_path: Path) -> None:
    text = TEXTS[encoding]
    raw = f"{text}\nand ascii\n{text}\n".encode(encoding)
    assert likely_encoding(raw) == encoding
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    form = read_format("text", {"encoding": encoding})
    assert list(lines(path, form=form)) == [text, "and ascii", text]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "utf-32", "gb18030", "cp037"])
def test_encodings_are_read_in_chunks(encoding: str, tmp_path: Path) -> None:
    wanted = [
        f"{number} größer als 日本" if encoding != "cp037" else f"{number} größer"
        for number in range(BLOCK // 8)
    ]
    path = tmp_path / "a.txt"
    path.write_bytes("".join(f"{line}\n" for line in wanted).encode(encoding))
    assert list(lines(path, form=read_format("text", {"encoding": encoding}))) == wanted


def test_what_is_not_of_the_encoding_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc\n" * BLOCK + b"caf\xe9\n")
    with pytest.raises(SynthError) as error:
        list(lines(path, form=read_format("text:encoding=ascii", {"encoding": "ascii"})))
    assert error.value.message == f"`{path}` is not ascii at byte {4 * BLOCK + 3}"
    assert error.value.hint == (
        "it seems to be `cp1252`, which reads “café”; name the corpus `text:encoding=cp1252`"
    )


def test_no_encoding_is_proposed_that_fails_too() -> None:
    assert likely_encoding(b"caf\xe9 and more of it\n" * 50 + b"\x81\n") == "latin-1"
    assert likely_encoding("Straße".encode("cp1252")) == "cp1252"


def test_bytes_that_are_damaged_here_and_there(tmp_path: Path) -> None:
    path = tmp_path / "a b.txt"
    path.write_bytes("größer\n".encode() * 9 + b"kaputt \xff\n")
    with pytest.raises(SynthError) as error:
        list(lines(path, form=OwnFileFormat()))
    mended = tmp_path / "mended-a b.txt"
    assert error.value.hint == (
        "it is UTF-8 elsewhere; without the damaged bytes:"
        f" `iconv -c -f UTF-8 -t UTF-8 < '{path}' > '{mended}'`"
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
def test_lines_end_in_any_way(end: str, tmp_path: Path) -> None:
    wanted = [f"row {number}" * 20 for number in range(BLOCK // 40)] + ["", "last"]
    path = tmp_path / "a.txt"
    path.write_bytes(end.join([*wanted, ""]).encode())
    assert list(lines(path)) == wanted
    path.write_bytes(end.join(wanted).encode())
    assert list(lines(path)) == wanted


def test_a_carriage_return_within_lines_ends_none(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"10 %\r20 %\n30 %\rdone\n")
    assert list(lines(path)) == ["10 %\r20 %", "30 %\rdone"]


OBJECTS = [
    {"text": "a\n]b", "number": number, "deep": {"list": [number, "x" * number]}} for number in range(3_000)
]
FORMS: dict[str, Callable[[], str]] = {
    "on one line": lambda: json.dumps(OBJECTS),
    "indented": lambda: json.dumps(OBJECTS, indent=2),
    "one a line": lambda: "[" + ",\n".join(map(json.dumps, OBJECTS)) + "\n]\n",
    "spread over lines": lambda: "\n".join(json.dumps(one, indent=1) for one in OBJECTS),
}


@pytest.mark.parametrize("form", FORMS)
def test_objects_are_read_one_by_one(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    text = FORMS[form]()
    path.write_bytes(codecs.BOM_UTF8 + text.encode())
    items = read_items(path)
    assert items is not None
    found = list(items)
    assert [record for _, record in found] == OBJECTS
    assert [number for number, _ in found] == sorted(number for number, _ in found)
    begins = [text.split("\n")[number - 1].lstrip()[:1] for number, _ in found[:: len(found) - 1]]
    assert set(begins) <= {"{", "["}
    assert read_items(write(tmp_path / "a.jsonl", list(map(json.dumps, OBJECTS)))) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"text": "a"},\n{"text": "b"}\n{"text": "c"}]', "is no json at line 3: expecting ',' delimiter"),
        ('[{"text": "a"},\n{"text": "b"', "is no json at line 2: expecting ',' delimiter"),
        ('[{"text": "a"},\n\n{"text": }]', "is no json at line 3: expecting value"),
        ('[{"text": "a"}', "is no json at line 1: unexpected end of data"),
        ('[{"text": "a"}]\n{}', "is no json at line 2: extra data"),
        ('["a"]', "holds no object at line 1"),
        ('[\n{"text": "\\ud800"}]', "is no json at line 2: 'utf-8' codec can't encode character '\\ud800'"),
    ],
)
def test_arrays_that_are_wrong(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SynthError) as error:
        list(find_corpus("jsonl").open(path).read("train"))
    assert error.value.message.startswith(f"`{path}` {message}")
    assert "publisher" not in error.value.hint


RECORD = {
    "a": {"0": "zero", "b": ["x", {"c": 2.5}]},
    "a.b": "exact",
    "on": True,
    "none": None,
    "{odd}": "braces",
}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("a.b", "exact"),
        ("a.0", "zero"),
        ("a.b.0", "x"),
        ("a.b.1.c", 2.5),
        ("{a.b}!", "exact!"),
        (r"{a.0}\n{a.b.1.c}\t{on}{none}", "zero\n2.5\ttrue"),
        ("{{{a.b.0}}}", "{x}"),
        ("{{odd}}", "braces"),
    ],
)
def test_fields(written: str, value: object) -> None:
    assert field_from(written).value(RECORD) == value


def test_paths_of_a_record() -> None:
    assert list(find_paths(RECORD)) == ["a.0", "a.b.0", "a.b", "on", "none", "{odd}"]
    for missing in ("a.c", "a.b.2", "a.b.x", "on.x", "b"):
        with pytest.raises(KeyError):
            field_from(missing).value(RECORD)
