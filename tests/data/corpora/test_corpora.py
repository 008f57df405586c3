"""Every corpus: declared completely, read from its publisher's layout, the same each time."""

from hashlib import sha1
from pathlib import Path

import pytest

from synthcli.data.corpora import CORPORA, Corpus, Row, find_corpus, two_letters
from synthcli.data.corpora.stdlib import hash_split
from synthcli.data.corpora.stdlib_docstrings import first_sentence
from synthcli.data.corpora.wmt14_en_de import unescape
from synthcli.errors import SynthError
from tests.data.small import ag_news, multi30k, wikitext, write

BUILT_IN = [corpus for corpus in CORPORA.values() if corpus.builtin]
PUBLISHED = [corpus for corpus in CORPORA.values() if not corpus.builtin]
ON_THE_HUB = [corpus for corpus in PUBLISHED if corpus.hub is not None]
KEYS = {"text": {"text"}, "pairs": {"source", "target"}, "labelled": {"text", "label"}}
OWN = ["text", "jsonl", "csv", "parallel"]
FROM_FOLDERS_ALONE = ["iwslt14-de-en", "enwik8", "text8", "codeparrot", "pile-wordpiece", *OWN]
GLUE = ["cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"]
SUPERGLUE = ["boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"]


def name_of(corpus: Corpus) -> str:
    return corpus.name


def read(corpus: Corpus, source: Path | None = None) -> dict[str, list[Row]]:
    opened = corpus.open(source)
    return {split: list(opened.read(split)) for split in opened.splits}


def test_a_row_of_two_letters_is_told_by_itself_alone_and_in_one_split() -> None:
    splits = {split: [row["text"] for row in rows] for split, rows in two_letters.make_two_letters().items()}
    assert {split: len(texts) for split, texts in splits.items()} == two_letters.ROWS
    letters = [text.split() for texts in splits.values() for text in texts]
    assert all(len(row) == 16 and len(set(row)) <= 2 for row in letters)
    assert len({letter for row in letters for letter in row}) == 26
    assert len(set().union(*splits.values())) == sum(two_letters.ROWS.values())


def test_all_corpora_are_there() -> None:
    assert [corpus.name for corpus in BUILT_IN] == [
        *("stdlib-code", "stdlib-bytes", "stdlib-docstrings", "stdlib-topics"),
        *("copy", "reverse", "sort", "two-letters"),
    ]
    assert [corpus.name for corpus in PUBLISHED] == [
        *("wmt14-en-de", "lm1b", "cnn-dailymail", "ag-news", "wikitext-2", "wikitext-2-raw", "multi30k"),
        *("wmt14-en-fr", "iwslt14-de-en", "wikitext-103", "enwik8", "text8", "c4", "codeparrot"),
        "pile-wordpiece",
        *("imdb", "personachat", "synthetic-persona-chat"),
        *(f"glue-{task}" for task in GLUE),
        *(f"superglue-{task}" for task in SUPERGLUE),
        *OWN,
    ]
    assert [corpus.name for corpus in PUBLISHED if corpus.hub is None] == FROM_FOLDERS_ALONE


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=name_of)
def test_declared_completely(corpus: Corpus) -> None:
    assert CORPORA[corpus.name] is corpus
    assert all((corpus.title, corpus.licence, corpus.url, corpus.layout))
    assert bool(corpus.class_names) == (corpus.kind == "labelled")
    assert corpus.builtin != (corpus.folder is not None)
    assert not (corpus.builtin and corpus.hub)


@pytest.mark.parametrize("corpus", ON_THE_HUB, ids=name_of)
def test_pinned_on_the_hub(corpus: Corpus) -> None:
    assert corpus.hub is not None
    assert len(corpus.hub.revision) == 40
    assert {"train", "test" if "test" in corpus.hub.splits else "validation"} <= set(corpus.hub.splits)
    assert set(corpus.hub.splits) <= set(corpus.rows)


@pytest.mark.slow
@pytest.mark.parametrize("corpus", BUILT_IN, ids=name_of)
def test_built_in_rows(corpus: Corpus) -> None:
    splits = read(corpus)
    assert list(splits) == ["train", "validation", "test"]
    assert all(set(row) == KEYS[corpus.kind] for rows in splits.values() for row in rows)
    assert all(len(rows) >= 10 for rows in splits.values())
    texts = {split: {row.get("text", row.get("source")) for row in rows} for split, rows in splits.items()}
    assert not texts["train"] & (texts["validation"] | texts["test"])
    assert not texts["validation"] & texts["test"]
    assert read(corpus) == splits
    if corpus.rows:
        assert {split: len(rows) for split, rows in splits.items()} == corpus.rows


def test_topics_are_balanced() -> None:
    corpus = CORPORA["stdlib-topics"]
    labels = [row["label"] for row in corpus.read("train")]
    counts = [labels.count(label) for label in range(len(corpus.class_names))]
    assert min(counts) > 0.7 * max(counts)
    assert {row["label"] for row in corpus.read("test")} == set(range(len(corpus.class_names)))


@pytest.mark.parametrize(("name", "answer"), [("copy", "badcab"), ("reverse", "bacdab"), ("sort", "aabbcd")])
def test_exact_answers(name: str, answer: str) -> None:
    right = {"copy": str, "reverse": lambda word: word[::-1], "sort": lambda word: "".join(sorted(word))}
    assert right[name]("badcab") == answer
    for row in CORPORA[name].read("test"):
        assert row["target"] == right[name](row["source"])
        assert 3 <= len(row["source"]) <= 12


def test_docstrings_are_not_in_their_source() -> None:
    rows = list(CORPORA["stdlib-docstrings"].read("train"))
    assert sum(row["target"] in " ".join(row["source"].split()) for row in rows) < 0.02 * len(rows)


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Do it.  Then rest.", "Do it."),
        ("Version 3.11 of\n    it. More.", "Version 3.11 of it."),
        ("A heading\n\nA body.", "A heading"),
        ("No end", "No end"),
    ],
)
def test_first_sentences(docstring: str, sentence: str) -> None:
    assert first_sentence(docstring) == sentence


def test_splits_follow_the_text_alone() -> None:
    assert [hash_split(key) for key in ("a", "b", "c", "d")] == [
        hash_split(key) for key in ("a", "b", "c", "d")
    ]
    splits = [hash_split(str(number)) for number in range(2000)]
    assert 0.82 < splits.count("train") / 2000 < 0.88


def test_multi30k_reads_plain_and_packed_files(tmp_path: Path) -> None:
    splits = read(CORPORA["multi30k"], multi30k(tmp_path))
    assert {split: len(rows) for split, rows in splits.items()} == {
        "train": 20,
        "validation": 4,
        "test": 3,
    }
    assert splits["test"][2] == {"source": "line 2 of a small corpus", "target": "Zeile 2"}


def test_only_line_feeds_end_lines(tmp_path: Path) -> None:
    folder = multi30k(tmp_path)
    (folder / "val.en").write_bytes("a\u2028b\x0bc\rd\r\n\ne\nf".encode())
    rows = read(CORPORA["multi30k"], folder)["validation"]
    assert [row["source"] for row in rows] == ["a\u2028b\x0bc\rd", "", "e", "f"]


def test_moses_entities() -> None:
    text = "&quot; Parliament &apos;s &#91; R &amp;amp; D &#93; &lt; &#124; &gt; &amp;quot;"
    assert unescape(text) == "\" Parliament 's [ R &amp; D ] < | > &quot;"


def test_wmt_takes_newstest_2013_for_validation(tmp_path: Path) -> None:
    for stem in ("train", "newstest2013", "newstest2014", "newstest2012"):
        for language in ("en", "de"):
            write(tmp_path / f"{stem}.{language}", [f"{stem} &apos;s {language}"])
    splits = read(CORPORA["wmt14-en-de"], tmp_path)
    assert splits["validation"] == [{"source": "newstest2013 's en", "target": "newstest2013 's de"}]
    assert splits["test"] == [{"source": "newstest2014 's en", "target": "newstest2014 's de"}]


def test_lm1b_with_all_its_folders(tmp_path: Path) -> None:
    write(tmp_path / "training-monolingual.tokenized.shuffled/news.en-00001-of-00100", ["a", "b"])
    write(tmp_path / "training-monolingual.tokenized.shuffled/news.en-00002-of-00100.gz", ["c"])
    for shard in range(3):
        write(
            tmp_path / f"heldout-monolingual.tokenized.shuffled/news.en.heldout-0000{shard}-of-00050",
            [f"held out {shard}"],
        )
    assert read(CORPORA["lm1b"], tmp_path) == {
        "train": [{"text": "a"}, {"text": "b"}, {"text": "c"}],
        "validation": [{"text": "held out 1"}],
        "test": [{"text": "held out 0"}],
    }


def test_lm1b_of_one_shard_is_cut_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "news.en.heldout-00000-of-00050", [str(number) for number in range(100)])
    opened = CORPORA["lm1b"].open(tmp_path)
    splits = {split: [row["text"] for row in opened.read(split)] for split in opened.splits}
    assert splits["validation"] == ["90", "91", "92", "93", "94"]
    assert splits["test"] == ["95", "96", "97", "98", "99"]
    made = "cut from the 100 rows of 1 held-out shard(s) by ranges: 0-90-95-100"
    assert opened.notes == (f"no splits in the folder: {made}",)
    assert opened.describe()["splits_made"] == made


def test_ag_news(tmp_path: Path) -> None:
    splits = read(CORPORA["ag-news"], ag_news(tmp_path))
    assert list(splits) == ["train", "test"]
    assert splits["train"][1] == {"text": 'Title 1 First second "quoted" 1', "label": 1}


def test_wikitext_keeps_blank_lines_and_drops_the_spaces_around(tmp_path: Path) -> None:
    splits = read(CORPORA["wikitext-2"], wikitext(tmp_path, [" = A = ", " ", " a <unk> c "]))
    assert splits["train"] == [{"text": "= A ="}, {"text": ""}, {"text": "a <unk> c"}]


def story(folder: Path, url: str) -> None:
    digest = sha1(url.encode(), usedforsecurity=False).hexdigest()
    lines = [f"Body of {url}", "", "Goes on.", "", "@highlight", "", "One", "", "@highlight", "", "Two."]
    write(folder / f"cnn/stories/{digest}.story", lines)


def test_stories_with_their_lists(tmp_path: Path) -> None:
    for split, word in {"train": "a b", "val": "c", "test": "d"}.items():
        write(tmp_path / f"url_lists/all_{split}.txt", [f"http://{letter}" for letter in word.split()])
    for letter in "abcd":
        story(tmp_path, f"http://{letter}")
    splits = read(CORPORA["cnn-dailymail"], tmp_path)
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 2, "validation": 1, "test": 1}
    assert splits["test"] == [{"source": "Body of http://d . Goes on.", "target": "One .\nTwo."}]


def test_summaries_in_csv(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        write(
            tmp_path / f"{split}.csv",
            ["id,article,highlights", f'1,"An article, {split}","First.\nSecond."'],
        )
    splits = read(CORPORA["cnn-dailymail"], tmp_path)
    assert splits["validation"] == [{"source": "An article, validation", "target": "First.\nSecond."}]


def test_summaries_in_parallel_files_and_json(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write(tmp_path / f"{split}.source", [f"<t> a {split} article . </t>"])
        write(tmp_path / f"{split}.target", ["<t> one . </t> <t> two . </t>"])
        write(tmp_path / f"cnndm.{split}.0.json", ['[{"src": [["a", "b"], ["c"]], "tgt": [["d"], ["e"]]}]'])
    opened = CORPORA["cnn-dailymail"].open(tmp_path)
    assert list(opened.read("validation")) == [{"source": "a val article .", "target": "one .\ntwo ."}]
    assert opened.notes == (
        "read the .source and .target files; json passed over: name one of them as `--source`",
    )
    for path in tmp_path.glob("*.source"):
        path.unlink()
    rows = read(CORPORA["cnn-dailymail"], tmp_path)["test"]
    assert rows == [{"source": "a b c", "target": "d\ne"}]


def test_an_unknown_corpus_is_refused() -> None:
    with pytest.raises(SynthError) as error:
        find_corpus("mutli30k")
    assert str(error.value) == "unknown corpus `mutli30k`\nhint: did you mean `multi30k`?"


def test_a_built_in_corpus_reads_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SynthError) as error:
        CORPORA["copy"].open(tmp_path)
    assert str(error.value) == "`copy` is built in and reads no folder\nhint: leave `--source` out"
