"""A user's own files: named with options, found, sorted into splits, read as rows of four kinds."""

import json
import re
from pathlib import Path

import pytest

from synthcli.data.corpora import Row, find_corpus
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.errors import SynthError
from tests.data.small import BYTES, SOURCES, TARGETS, write


def read(name: str, source: Path) -> dict[str, list[Row]]:
    opened = find_corpus(name).open(source)
    return {split: list(opened.read(split)) for split in opened.splits}


def counts(splits: dict[str, list[Row]]) -> dict[str, int]:
    return {split: len(rows) for split, rows in splits.items()}


def refused(name: str, source: Path) -> str:
    with pytest.raises(SynthError) as error:
        read(name, source)
    assert error.value.hint
    return error.value.message


CUT = {"train": 18, "validation": 1, "test": 1}


def test_a_file_is_cut_by_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "notes.txt", SOURCES)
    assert counts(read("text", path)) == CUT
    rows = [row["text"] for rows in read("text", path).values() for row in rows]
    assert sorted(rows) == sorted(SOURCES)
    kept = read("text:split=kept", path)
    assert counts(kept) == CUT
    assert [row["text"] for rows in kept.values() for row in rows] == SOURCES
    assert read("text", write(tmp_path / "notes.md.gz", SOURCES)) == read("text", path)


def test_named_files_are_splits(tmp_path: Path) -> None:
    for name, rows in (("train.txt", 5), ("more/train.2.txt", 3), ("valid.txt", 2), ("test.txt.gz", 1)):
        write(tmp_path / name, SOURCES[:rows])
    write(tmp_path / ".hidden/train.txt", SOURCES)
    assert counts(read("text", tmp_path)) == {"train": 8, "validation": 2, "test": 1}


def test_patterns(tmp_path: Path) -> None:
    for number, name in enumerate(("a/x.py", "b/c/y.py", "b/z.txt")):
        write(tmp_path / name, SOURCES[10 * (number % 2) :][:10])
    assert counts(read("text", tmp_path / "**/*.py")) == CUT
    assert counts(read("text", tmp_path / "b/*.t?t")) == {"train": 8, "validation": 1, "test": 1}
    assert refused("text", tmp_path / "**/*.rs") == f"the source `{tmp_path / '**/*.rs'}` matches no file"
    assert refused("text", tmp_path / "none") == f"the source `{tmp_path / 'none'}` does not exist"


def test_paragraphs_and_files(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.txt", ["one", "two", "", f"three {number}"])
    paragraphs = read("text:rows=paragraphs,split=kept", tmp_path)
    assert paragraphs["train"][:2] == [{"text": "one\ntwo"}, {"text": "three 0"}]
    assert read("text:rows=files,split=kept", tmp_path)["test"] == [{"text": "one\ntwo\n\nthree 3"}]


CSV = ["id,review,mood,stars", '1,"so, so",bad,2.5', "2,fine,good,4", '3,"two', 'lines",good,5']
JSONL = [
    '{"review": "so, so", "mood": "bad", "stars": 2.5}',
    '{"review": "fine", "mood": "good", "stars": 4}',
    '{"review": "two\\nlines", "mood": "good", "stars": 5}',
]
TEXTS = ["so, so", "fine", "two\nlines"]


@pytest.mark.parametrize(
    ("options", "kind", "rows"),
    [
        ("text=review", "text", [{"text": text} for text in TEXTS]),
        (
            "text=review,label=mood,classes=bad+good",
            "labelled",
            [{"text": text, "label": label} for text, label in zip(TEXTS, (0, 1, 1), strict=True)],
        ),
        (
            "text=review,score=stars",
            "scored",
            [{"text": text, "score": score} for text, score in zip(TEXTS, (2.5, 4, 5), strict=True)],
        ),
        (
            "source=review,target=mood",
            "pairs",
            [
                {"source": text, "target": mood}
                for text, mood in zip(TEXTS, ("bad", "good", "good"), strict=True)
            ],
        ),
    ],
)
def test_columns_and_fields(options: str, kind: str, rows: list[Row], tmp_path: Path) -> None:
    tables = {"csv": write(tmp_path / "a.csv", CSV), "jsonl": write(tmp_path / "a.jsonl", JSONL)}
    for base, path in tables.items():
        assert find_corpus(f"{base}:{options}").kind == kind
        assert [row for rows in read(f"{base}:{options},split=kept", path).values() for row in rows] == rows


def test_tables_of_other_forms(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    forms = {
        "csv:text=2,header=no,split=kept": (tmp_path / "bare.csv", ["1,a", "2,b", "", "3,c"]),
        "csv:split=kept": (tmp_path / "tabs.tsv.gz", ["id\ttext", "1\ta", "2\tb", "3\tc"]),
        "csv:separator=semicolon,split=kept": (tmp_path / "semi.csv", ["text;id", "a;1", "b;2", "c;3"]),
    }
    for name, (path, lines) in forms.items():
        found = read(name, write(path, lines))
        assert [row for split in found.values() for row in split] == rows


def test_labels_of_json_that_are_no_texts(tmp_path: Path) -> None:
    oks = (True, False, True)
    path = write(tmp_path / "a.jsonl", [json.dumps({"text": "a", "ok": value}) for value in oks])
    splits = read("jsonl:label=ok,classes=false+true,split=kept", path)
    assert [row["label"] for rows in splits.values() for row in rows] == [1, 0, 1]


def test_columns_with_braces_are_written_with_two(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["{text},{label}", "one,x", "two,y", "three,x"])
    rows = read("csv:text={{text}},label={{label}},split=kept", path)
    assert [row for split in rows.values() for row in split] == [
        {"text": "one", "label": 0},
        {"text": "two", "label": 1},
        {"text": "three", "label": 0},
    ]


def test_two_files(tmp_path: Path) -> None:
    write(tmp_path / "talks.de", SOURCES)
    write(tmp_path / "talks.en.gz", TARGETS)
    rows = [{"source": a, "target": b} for a, b in zip(SOURCES, TARGETS, strict=True)]
    names = {"parallel:source=de,target=en": ["", "talks", "talks.de", "t*.de", "*"]}
    names["parallel:source=talks.de,target=talks.en"] = [""]
    for name, sources in names.items():
        for source in sources:
            splits = read(name, tmp_path / source)
            assert sorted(row["source"] for split in splits.values() for row in split) == sorted(SOURCES)
            assert all(row in rows for split in splits.values() for row in split)
            assert counts(splits) == CUT


def test_two_files_a_split(tmp_path: Path) -> None:
    for stem, rows in {"train.a": 4, "train.b": 3, "dev": 2}.items():
        write(tmp_path / f"{stem}.source", SOURCES[:rows])
        write(tmp_path / f"{stem}.target", TARGETS[:rows])
    assert counts(read("parallel", tmp_path)) == {"train": 7, "validation": 2}
    (tmp_path / "dev.target").unlink()
    assert refused("parallel", tmp_path) == f"`{tmp_path}` lacks `dev.target` of `parallel`"


def test_the_files_of_a_pattern_stand_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/x.txt", "b/c/y.txt"):
        write(tmp_path / name, SOURCES)
    store = prepare_store("text", BYTES, tmp_path / "stores", tmp_path / "**/*.txt")
    files = [file["path"] for file in store.manifest["source"]["files"]]
    assert files == ["a/x.txt", "b/c/y.txt"]
    monkeypatch.chdir(tmp_path)
    store = prepare_store("text", BYTES, tmp_path / "others", Path("**/*.txt"))
    assert [file["path"] for file in store.manifest["source"]["files"]] == files


def test_options_stand_in_the_store(tmp_path: Path) -> None:
    name = "jsonl:text=review,label=mood,classes=bad+good"
    store = prepare_store(name, BYTES, tmp_path / "stores", write(tmp_path / "a.jsonl", JSONL))
    assert re.fullmatch(r"jsonl-[0-9a-f]{8}\.bytes-260\.[0-9a-f]{8}", store.path.name)
    assert (store.corpus, store.kind, store.class_names) == (name, "labelled", ("bad", "good"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jsonl:feild=a", "`jsonl` has no option `feild` in `jsonl:feild=a`"),
        ("jsonl:text=", "`jsonl:text=` gives `text` without a value"),
        ("jsonl:text=a\0b", "`jsonl:text=a\0b` gives `text` with a NUL byte"),
        ("jsonl:text={a", "`jsonl:text={a` gives `text` with `{` without its partner"),
        ("jsonl:label={a}{b}", "`jsonl:label={a}{b}` gives `label` as a template"),
        ('csv:text=a,b"', '`csv` has no option `b"` in `csv:text=a,b"`'),
        ("csv:text=a,text=b", "`csv:text=a,text=b` gives `text` twice"),
        ("csv:header=maybe", "`csv:header=maybe` gives `header` as `maybe`"),
        ("csv:classes=a+b", "`csv:classes=a+b` does not say what a row is: it needs `label`"),
        (
            "csv:label=a,score=b",
            "`csv:label=a,score=b` does not say what a row is: it needs `label` or `score`, not both",
        ),
        ("csv:label=a,classes=b", "`csv:label=a,classes=b` gives `classes` with one alone"),
        ("csv:label=a,classes=b+b", "`csv:label=a,classes=b+b` gives `classes` with `b` twice"),
        ("csv:label=a,classes=b+", "`csv:label=a,classes=b+` gives `classes` with an empty one"),
        ("csv:separator=::", "`csv:separator=::` gives `separator` as `::`"),
        ('csv:separator="', '`csv:separator="` gives `separator` as `"`'),
        ("text:encoding=rot13", "`text:encoding=rot13` gives `encoding` as `rot13`"),
        ("text:encoding=none", "`text:encoding=none` gives `encoding` as `none`"),
        ("text:splits=all", "`text:splits=all` gives `splits` as `all`"),
        (
            "csv:source=a",
            "`csv:source=a` does not say what a row is: it needs `text`, or `source` and `target`",
        ),
        ("parallel:source=a,target=a", "`parallel:source=a,target=a` has one ending for both sides: `a`"),
        ("text:rows=words", "`text:rows=words` gives `rows` as `words`"),
        ("txt:rows=words", "unknown corpus `txt:rows=words`"),
    ],
)
def test_names_that_make_no_sense(name: str, message: str) -> None:
    with pytest.raises(SynthError) as error:
        find_corpus(name)
    assert error.value.message == message
    assert error.value.hint


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("csv", CSV, "`{}` has no one column `text`, but `id`, `review`, `mood`, `stars`"),
        ("csv", [], "`{}` is empty"),
        ("csv:header=no,text=3", ["a,b"], "`{}` has no one column `3`, but `1`, `2`"),
        ("csv", ["text,text", "a,b"], "`{}` has no one column `text`, but `text`, `text`"),
        ("csv:text=review", [*CSV, "4,a,b"], "`{}` has 3 fields at line 6, expected 4"),
        ("csv:text=review", [*CSV, '4,"a,b,c'], "`{}` is no csv at line 6: unexpected end of data"),
        (
            "csv:text=review,label=mood,classes=bad+fine",
            CSV,
            "`{}`, line 3, has the label `good`",
        ),
        ("csv:text=review,score=mood", CSV, "`{}`, line 2, has the score `bad`"),
        ("csv:text=review,score=stars", [*CSV, "4,a,b,inf"], "`{}`, line 6, has the score `inf`"),
    ],
)
def test_tables_that_are_wrong(name: str, lines: list[str], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", lines)
    assert refused(name, path) == message.format(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"body": "a"}', "`{}`, line 2, has no `text`, but body"),
        ("{}", "`{}`, line 2, has no `text`, but nothing"),
        ('{"text": 3}', "`{}`, line 2, has `3` as `text`"),
        ("[1]", "`{}` holds no object at line 2"),
        ('{"text": "a"', "`{}` is no json at line 2: expecting ',' delimiter"),
        ('{"text": "\\ud800"}', "`{}` is no json at line 2: 'utf-8' codec can't encode character '\\ud800'"),
        ("[" * 100_000, "`{}` is no json at line 2: maximum recursion depth exceeded"),
        (f'{{"text": {"9" * 5_000}}}', "`{}` is no json at line 2: exceeds the limit (4300 digits)"),
    ],
)
def test_json_that_is_wrong(line: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", ['{"text": "a"}', line])
    assert refused("jsonl", path).startswith(message.format(path))


@pytest.mark.parametrize("base", ["text", "jsonl", "csv", "parallel"])
def test_files_of_names_that_clash(base: str, tmp_path: Path) -> None:
    ending = {"text": ["txt"], "parallel": ["source", "target"]}.get(base, [base])
    for stem in ("train", "more"):
        for end in ending:
            write(tmp_path / f"{stem}.{end}", ["text", "a"])
    files = f"`train.{ending[0]}`, whose name says `train`, and `more.{ending[0]}`, whose name says no split"
    assert refused(base, tmp_path) == f"`{tmp_path}` holds {files}"
