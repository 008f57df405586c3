"""Reviews, dialogues, documents and bytes in their publishers' layouts."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from synthcli.data.corpora import CORPORA, Row
from synthcli.data.corpora.splitting import find_split_name
from synthcli.errors import SynthError
from tests.data.small import wikitext, write


def read(name: str, source: Path) -> dict[str, list[Row]]:
    opened = CORPORA[name].open(source)
    return {split: list(opened.read(split)) for split in opened.splits}


def refused(name: str, source: Path) -> SynthError:
    with pytest.raises(SynthError) as error:
        read(name, source)
    assert error.value.hint
    return error.value


def json_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    return write(path, [json.dumps(record) for record in records])


def test_reviews(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for number, name in enumerate(("pos", "neg", "pos", "neg")):
            write(
                tmp_path / f"aclImdb/{split}/{name}/{number // 2}_{number}.txt",
                [f"It is<br /><br />{name} {number}"],
            )
    rows = read("imdb", tmp_path)
    assert list(rows) == ["train", "test"]
    assert [row["label"] for row in rows["train"]] == [1, 0, 1, 0]
    assert rows["train"][0] == {"text": "It is pos 0", "label": 1}
    assert read("imdb", tmp_path / "aclImdb") == rows
    for path in (tmp_path / "aclImdb/test/neg").iterdir():
        path.unlink()
    assert refused("imdb", tmp_path).message == f"`{tmp_path}` lacks `test/neg/*.txt` of `imdb`"


DIALOGUES = [
    "1 your persona: i surf.",
    "2 your persona: i bake.",
    "3 partner's persona: i ski.",
    "4 hello\thi !\t\tno|yes|hi !",
    "5 how are you ?\tfine .",
    "1 your persona: i run.",
    "2 __SILENCE__\tgood day",
    *(f"{turn} a{turn}\tb{turn}" for turn in range(3, 9)),
]


def test_dialogues(tmp_path: Path) -> None:
    write(tmp_path / "train_self_original.txt.gz", DIALOGUES)
    write(tmp_path / "valid_self_original_no_cands.txt", DIALOGUES[:4])
    splits = read("personachat", tmp_path)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 9, "validation": 1}
    assert splits["train"][:3] == [
        {"source": "persona: i surf. i bake. history: hello", "target": "hi !"},
        {"source": "persona: i surf. i bake. history: hello hi ! how are you ?", "target": "fine ."},
        {"source": "persona: i run. history: ", "target": "good day"},
    ]
    latest = "b4 a5 b5 a6 b6 a7 b7 a8"
    assert splits["train"][-1] == {"source": f"persona: i run. history: {latest}", "target": "b8"}


@pytest.mark.parametrize(
    ("line", "message"),
    [("hello\thi", "has no turn's number at line 1"), ("1 hello", "has no answer at line 1")],
)
def test_what_is_no_dialogue(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "train_self_original.txt", [line])
    write(tmp_path / "valid_self_original.txt", DIALOGUES)
    assert refused("personachat", tmp_path).message == f"`{path}` {message}"


def test_dialogues_of_two_personas_are_texts(tmp_path: Path) -> None:
    header = "Best Generated Conversation,user 1 personas,user 2 personas"
    for stem in ("train", "valid", "test"):
        line = f'"User 1: Hi, {stem}!\nUser 2: Hello.","I surf.\nI bake.",'
        write(tmp_path / f"Synthetic-Persona-Chat_{stem}.csv", [header, line])
    splits = read("synthetic-persona-chat", tmp_path)
    assert list(splits) == ["train", "validation", "test"]
    assert splits["validation"] == [{"text": "I surf.\nI bake.\n\nUser 1: Hi, valid!\nUser 2: Hello."}]


def test_other_columns_are_no_dialogues(tmp_path: Path) -> None:
    for stem in ("train", "valid", "test"):
        path = write(tmp_path / f"Synthetic-Persona-Chat_{stem}.csv", ["a,b,c", "1,2,3"])
    path = path.with_name("Synthetic-Persona-Chat_train.csv")
    assert (
        refused("synthetic-persona-chat", tmp_path).message == f"`{path}` has the columns a, b, c at line 1"
    )


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("c4-train.00000-of-01024.json.gz", "train"),
        ("en/c4-validation.00000-of-00008.json", "validation"),
        ("codeparrot-ds-valid/data/train-00000.parquet", "train"),
        ("codeparrot-ds-valid/ds_valid.jsonl", "validation"),
        ("latest/contest.jsonl", ""),
        ("val.jsonl", "validation"),
        ("test/01.txt", "test"),
    ],
)
def test_splits_by_the_last_word_of_a_path(path: str, split: str) -> None:
    assert find_split_name(Path(path)) == split


def test_c4(tmp_path: Path) -> None:
    json_lines(tmp_path / "en/c4-train.00001-of-01024.json.gz", [{"text": "b"}])
    json_lines(tmp_path / "en/c4-train.00000-of-01024.json.gz", [{"text": "a\nA", "url": "u"}])
    alone = read(
        "c4", json_lines(tmp_path / "alone/c4-train.0.json", [{"text": str(n)} for n in range(100)]).parent
    )
    assert {split: len(rows) for split, rows in alone.items()} == {"train": 90, "validation": 5, "test": 5}
    json_lines(tmp_path / "en/c4-validation.00000-of-00008.json.gz", [{"text": "c"}])
    assert read("c4", tmp_path / "en") == {
        "train": [{"text": "a\nA"}, {"text": "b"}],
        "validation": [{"text": "c"}],
    }
    write(tmp_path / "en/c4-validation.00000-of-00008.json.gz", ['{"url": "u"}'])
    assert " has no text `text` at line 1, but url" in refused("c4", tmp_path / "en").message


def test_codeparrot_in_three_forms(tmp_path: Path) -> None:
    json_lines(tmp_path / "codeparrot-ds-train/one.json.gz", [{"content": "import a\n", "size": "9"}])
    table = pyarrow.table({"content": ["import b\n", "import c\n"], "size": ["9", "9"]})
    parquet.write_table(table, tmp_path / "codeparrot-ds-train/two.parquet")
    json_lines(tmp_path / "codeparrot-ds-valid/one.jsonl", [{"content": "import d\n"}])
    assert read("codeparrot", tmp_path) == {
        "train": [{"text": f"import {name}\n"} for name in "abc"],
        "validation": [{"text": "import d\n"}],
    }
    parquet.write_table(pyarrow.table({"text": ["a"]}), tmp_path / "codeparrot-ds-train/two.parquet")
    assert " has no column `content` among text" in refused("codeparrot", tmp_path).message
    (tmp_path / "codeparrot-ds-train/two.parquet").write_bytes(b"nothing of the kind")
    assert "two.parquet` cannot be read as parquet: " in refused("codeparrot", tmp_path).message


def test_files_of_no_split_among_others(tmp_path: Path) -> None:
    for name in ("train.jsonl", "more.jsonl"):
        json_lines(tmp_path / name, [{"text": "a"}])
    message = f"`{tmp_path}` holds files of named splits and `more.jsonl`, whose split is not named"
    assert refused("pile-wordpiece", tmp_path).message == message
    (tmp_path / "train.jsonl").rename(tmp_path / "val.jsonl")
    (tmp_path / "more.jsonl").rename(tmp_path / "test.jsonl")
    assert (
        refused("pile-wordpiece", tmp_path).message
        == f"`{tmp_path}` lacks files of train of `pile-wordpiece`"
    )


def test_documents_between_blank_lines(tmp_path: Path) -> None:
    write(
        tmp_path / "a.txt", ["", "one", "two", "", " ", *(line for n in range(19) for line in (f"d{n}", ""))]
    )
    splits = read("pile-wordpiece", tmp_path)
    assert splits["train"][:2] == [{"text": "one\ntwo"}, {"text": "d0"}]
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 18, "validation": 1, "test": 1}
    assert read("pile-wordpiece", tmp_path / "a.txt") == splits


def test_wikitext_103(tmp_path: Path) -> None:
    assert read("wikitext-103", wikitext(tmp_path, [" = A = ", " "]))["train"] == [
        {"text": "= A ="},
        {"text": ""},
    ]


def test_wmt14_en_fr(tmp_path: Path) -> None:
    for stem in ("train", "newstest2013", "newstest2014"):
        for language in ("en", "fr"):
            write(tmp_path / f"{stem}.{language}", [f"{stem} &apos;s {language}"])
    assert read("wmt14-en-fr", tmp_path)["test"] == [
        {"source": "newstest2014 's en", "target": "newstest2014 's fr"}
    ]


DIALOGUE = {"persona": ["i surf.", "i bake."], "dialogue": [["__SILENCE__", "hi"], ["hello", "bye"]]}
CONVAI2 = {
    "personality": ["i surf.", "i bake."],
    "utterances": [
        {"candidates": ["no", "hi"], "history": ["__SILENCE__"]},
        {"candidates": ["no", "bye"], "history": ["__SILENCE__", "hi", "hello"]},
    ],
}
SAID = [
    {"source": "persona: i surf. i bake. history: ", "target": "hi"},
    {"source": "persona: i surf. i bake. history: hi hello", "target": "bye"},
]


def test_dialogues_of_four_forms(tmp_path: Path) -> None:
    write(
        tmp_path / "convai2/personachat_self_original.json", [json.dumps({"train": [CONVAI2], "valid": []})]
    )
    write(tmp_path / "xpersona/En_persona_train.json", [json.dumps([DIALOGUE] * 2)])
    write(tmp_path / "xpersona/En_persona_valid.json.gz", [json.dumps([DIALOGUE])])
    for stem in ("train", "val"):
        write(tmp_path / f"parallel/per-{stem}.txt", ["i surf.</s>i bake."] * 2 + ["i run."])
        write(tmp_path / f"parallel/src-{stem}.txt", ["__SILENCE__", "hello", "so"])
        write(tmp_path / f"parallel/tgt-{stem}.txt", ["hi", "bye", "what"])
    assert read("personachat", tmp_path / "convai2") == {"train": SAID, "validation": []}
    assert read("personachat", tmp_path / "xpersona") == {"train": SAID * 2, "validation": SAID}
    run = {"source": "persona: i run. history: so", "target": "what"}
    assert read("personachat", tmp_path / "parallel") == {"train": [*SAID, run], "validation": [*SAID, run]}
    alone = write(tmp_path / "En_persona_valid.json", [json.dumps([DIALOGUE] * 20)])
    splits = read("personachat", alone)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 36, "validation": 2, "test": 2}
    assert read("personachat", tmp_path) == splits


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{}", "`{}` has no list of dialogues in it"),
        ('[{"persona": []}]', "`{}` has no dialogue as its item 1: KeyError, 'dialogue'"),
        ("[3]", "`{}` has no dialogue as its item 1: TypeError, argument of type 'int' is not iterable"),
    ],
)
def test_json_that_is_no_dialogue(document: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "En_persona_valid.json", [document])
    assert refused("personachat", path).message == message.format(path)


def test_dialogues_as_published(shared: Path) -> None:
    splits = read("personachat", shared / "data/personachat/convai2_sample")
    assert all(
        row["target"] and row["source"].startswith("persona: ") for rows in splits.values() for row in rows
    )
    assert {len(rows) for rows in splits.values()} == {66}


def test_talks_as_prepared(tmp_path: Path) -> None:
    for stem, rows in {"train": 3, "valid": 2, "test": 1}.items():
        for language in ("de", "en.gz"):
            write(tmp_path / f"{stem}.{language}", [f"{language[:2]} {n}" for n in range(rows)])
    splits = read("iwslt14-de-en", tmp_path)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 3, "validation": 2, "test": 1}
    assert splits["test"] == [{"source": "de 0", "target": "en 0"}]


TESTS = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")


def test_talks_as_published(tmp_path: Path) -> None:
    for language in ("de", "en"):
        about = ["<url>http://a</url>", "<keywords>a, b</keywords>", f"<title>Ein {language}</title>"]
        talk = [*about, *(f" {language} {number} " for number in range(45))]
        write(tmp_path / f"de-en/train.tags.de-en.{language}", talk)
        for test in TESTS:
            xml = ["<doc>", f'<seg id="1"> {test} &amp; {language} </seg>', "</doc>"]
            write(tmp_path / f"de-en/IWSLT14.{test}.de-en.{language}.xml", xml)
    splits = read("iwslt14-de-en", tmp_path)
    assert [row["source"] for row in splits["validation"]] == ["de 21", "de 44"]
    assert splits["train"][:2] == [
        {"source": "Ein de", "target": "Ein en"},
        {"source": "de 0", "target": "en 0"},
    ]
    assert len(splits["train"]) == 44
    assert [row["target"] for row in splits["test"]] == [f"{test} & en" for test in TESTS]
    path = tmp_path / "de-en/IWSLT14.TED.tst2011.de-en.de.xml"
    write(path, [])
    message = f"`{path.name}` and `{path.name.replace('.de.', '.en.')}` have unequally many segments"
    assert refused("iwslt14-de-en", tmp_path).message == message
    path.unlink()
    message = f"`{tmp_path / 'de-en'}` lacks `{path.name}` of `iwslt14-de-en`"
    assert refused("iwslt14-de-en", tmp_path).message == message


def test_characters_of_text8(tmp_path: Path) -> None:
    text = " anarchism originated as a term of abuse" * 1_000
    path = tmp_path / "text8"
    path.write_text(text)
    opened = CORPORA["text8"].open(tmp_path)
    splits = {split: [row["text"] for row in opened.read(split)] for split in opened.splits}
    assert {split: len(" ".join(rows)) for split, rows in splits.items()} == {
        "train": 36_000,
        "validation": 2_000,
        "test": 2_000,
    }
    assert "".join(" ".join(rows) for rows in splits.values()) == text
    assert all(1_000 <= len(row) < 1_020 for row in splits["train"][:-1])
    path.write_text(f"{text[:77]}é")
    message = f"`{path}` has the byte 0xc3 at 77, and text8 is a to z and spaces alone"
    assert refused("text8", tmp_path).message == message
