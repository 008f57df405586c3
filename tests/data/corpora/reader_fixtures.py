"""A small source of every corpus that reads files, made by code, in the layout its reader expects."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from synthcli.data.corpora.iwslt14_de_en import TESTS
from tests.data.small import SOURCES, TARGETS, ag_news, multi30k, wikitext, write

Make = Callable[[Path], Path]  # makes the files below a folder and returns what to name as the source

WIC = {"word": "bank", "start1": 2, "end1": 6, "start2": 0, "end2": 4, "label": True}
WSC = {"span1_index": 0, "span1_text": "Mark", "span2_index": 3, "span2_text": "he"}
QUESTIONS = [{"question": "Who?", "answers": [{"text": "C", "label": 0}, {"text": "B", "label": 1}]}]
GAP = [{"query": "@placeholder left", "answers": [{"text": "Ann"}]}]
PASSAGE = {"text": "Ann met Bo.", "entities": [{"start": 0, "end": 2}, {"start": 8, "end": 9}]}
UNDERSTANDING: dict[str, tuple[str, dict[str, Any]]] = {
    "superglue-boolq": ("BoolQ", {"question": "is it", "passage": "It is.", "label": True}),
    "superglue-cb": ("CB", {"premise": "A.", "hypothesis": "B.", "label": "neutral"}),
    "superglue-copa": (
        "COPA",
        {"premise": "It fell.", "choice1": "Up.", "choice2": "Down.", "question": "effect", "label": 1},
    ),
    "superglue-multirc": ("MultiRC", {"passage": {"text": "<b>Sent 1: </b>A.", "questions": QUESTIONS}}),
    "superglue-record": ("ReCoRD", {"passage": PASSAGE, "qas": GAP}),
    "superglue-rte": ("RTE", {"premise": "A.", "hypothesis": "B.", "label": "entailment"}),
    "superglue-wic": ("WiC", {"sentence1": "A bank.", "sentence2": "Bank of it.", **WIC}),
    "superglue-wsc": ("WSC", {"text": "Mark saw that he won.", "target": WSC, "label": True}),
}
TABLES: dict[str, tuple[str, str, str]] = {  # folder, header, row
    "glue-cola": ("CoLA", "", "gj04\t1\t\tIt is so."),
    "glue-sst2": ("SST-2", "sentence\tlabel", "fine \t1"),
    "glue-mrpc": ("MRPC", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", "1\t7\t8\tA .\tB ."),
    "glue-stsb": ("STS-B", "index\tsentence1\tsentence2\tscore", "0\tA.\tB.\t3.800"),
    "glue-qqp": ("QQP", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", "4\t5\t6\tA?\tB?\t1"),
    "glue-mnli": ("MNLI", "index\tsentence1\tsentence2\tgold_label", "0\tA.\tB.\tcontradiction"),
    "glue-qnli": ("QNLI", "index\tquestion\tsentence\tlabel", "0\tA?\tB.\tnot_entailment"),
    "glue-rte": ("RTE", "index\tsentence1\tsentence2\tlabel", "0\tA.\tB.\tentailment"),
    "glue-wnli": ("WNLI", "index\tsentence1\tsentence2\tlabel", "0\tA.\tB.\t1"),
}
DIALOGUE = {"persona": ["i surf."], "dialogue": [["__SILENCE__", "hi"], ["hello", "bye"]]}
CONVAI2 = {"personality": ["i surf."], "utterances": [{"candidates": ["no", "hi"], "history": ["yo"]}]}
TURNS = ["1 your persona: i surf.", "2 hello\thi !\t\tno|hi !", "3 how are you ?\tfine ."]


def table(name: str) -> Make:
    folder, header, row = TABLES[name]
    files = {"dev.tsv"} if name != "glue-mnli" else {"dev_matched.tsv", "dev_mismatched.tsv"}

    def make(root: Path) -> Path:
        for file in ("train.tsv", *sorted(files)):
            write(root / folder / file, [*([header] if header else []), *[row] * 6])
        return root

    return make


def understanding(name: str) -> Make:
    folder, record = UNDERSTANDING[name]

    def make(root: Path) -> Path:
        for file in ("train.jsonl.gz", "val.jsonl"):
            write(root / folder / file, [json.dumps(record)] * 6)
        return root

    return make


def pairs(stems: tuple[str, ...], source: str, target: str) -> Make:
    def make(root: Path) -> Path:
        for stem in stems:
            write(root / f"{stem}.{source}", SOURCES)
            write(root / f"{stem}.{target}.gz", TARGETS)
        return root

    return make


def documents(field: str, *names: str) -> Make:
    def make(root: Path) -> Path:
        for name in names:
            write(root / name, [json.dumps({field: text}) for text in SOURCES])
        return root

    return make


def parquet_documents(root: Path) -> Path:
    root.mkdir(parents=True)
    for name in ("train.parquet", "valid.parquet"):
        parquet.write_table(pyarrow.table({"content": SOURCES}), root / name)
    return root


def raw(root: Path) -> Path:
    for split in ("train", "valid", "test"):
        write(root / f"wiki.{split}.raw", SOURCES)
    return root


def shards(root: Path) -> Path:
    write(root / "training-monolingual.tokenized.shuffled/news.en-00001-of-00100", SOURCES)
    for number in (0, 1):
        path = root / f"heldout-monolingual.tokenized.shuffled/news.en.heldout-0000{number}-of-00050.gz"
        write(path, SOURCES)
    return root


def talks(root: Path) -> Path:
    for language, texts in (("de", TARGETS), ("en", SOURCES)):
        write(root / f"train.tags.de-en.{language}", ["<url>http://a</url>", *texts * 2])
        for test in TESTS:
            xml = ["<doc>", *[f'<seg id="1"> {text} </seg>' for text in texts], "</doc>"]
            write(root / f"IWSLT14.{test}.de-en.{language}.xml", xml)
    return root


def packed(name: str, ending: str) -> Make:
    """Return what makes the one file of enwik8 or text8."""

    def make(root: Path) -> Path:
        root.mkdir(parents=True)
        content = " ".join("abcdefgh" for _ in range(60)).encode()
        path = root / f"{name}{ending}"
        if ending == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name, content)
        else:
            path.write_bytes(gzip.compress(content) if ending else content)
        return root

    return make


def stories(root: Path) -> Path:
    for number in range(20):
        write(
            root / f"cnn/stories/{number:040x}.story", ["It rained", "", "@highlight", "", f"Rain {number}"]
        )
    write(root / "url_lists/all_train.txt", ["http://a"])
    return root


def articles(root: Path) -> Path:
    for split in ("train", "val", "test"):
        write(root / f"{split}.csv", ["id,article,highlights", *[f'{n},"It, {n}","So"' for n in range(6)]])
    return root


def presumm(root: Path) -> Path:
    document = {"src": [["It", "rained", "."]], "tgt": [["Rain", "."]]}
    write(root / "a.train.0.json", [json.dumps([document] * 20)])
    return root


def reviews(root: Path) -> Path:
    for split in ("train", "test"):
        for name in ("neg", "pos"):
            for number in range(3):
                write(root / f"{split}/{name}/{number}_1.txt", [f"It is<br />{name}"])
    return root


def turns(root: Path) -> Path:
    write(root / "train_self_original.txt.gz", TURNS * 3)
    write(root / "valid_self_original.txt", TURNS)
    return root


def dialogues(root: Path) -> Path:
    for stem in ("train", "valid"):
        write(root / f"En_persona_{stem}.json", [json.dumps([DIALOGUE] * 4)])
    return root


def convai2(root: Path) -> Path:
    document = {"train": [CONVAI2] * 4, "valid": [CONVAI2]}
    write(root / "personachat_self_original.json", [json.dumps(document)])
    return root


def triples(root: Path) -> Path:
    for stem in ("train", "val"):
        for side in ("per", "src", "tgt"):
            write(root / f"{side}-{stem}.txt", [f"{side} {number // 3}" for number in range(9)])
    return root


def synthetic_dialogues(root: Path) -> Path:
    header = "user 1 personas,user 2 personas,Best Generated Conversation"
    for stem in ("train", "valid", "test"):
        rows = [f'"I surf.\nI am {number}.",I run.,"User 1: Hi!\nUser 2: Hello."' for number in range(4)]
        write(root / f"data/Synthetic-Persona-Chat_{stem}.csv", [header, *rows])
    return root


def own(name: str, lines: list[str], encoding: str = "utf-8") -> Make:
    def make(root: Path) -> Path:
        path = write(root / name, lines)
        if encoding != "utf-8":
            path.write_bytes(path.read_bytes().decode().encode(encoding))
        return root

    return make


FIELDS = [json.dumps({"text": text, "mood": "good", "stars": 4.5}) for text in SOURCES]
SPREAD = [json.dumps(json.loads(line), indent=1) for line in FIELDS]
COLUMNS = ["text,mood,stars", *(f'"{text}",good,4.5' for text in SOURCES)]
FIXTURES: list[tuple[str, Make]] = [
    ("multi30k", multi30k),
    ("wmt14-en-de", pairs(("train", "valid", "test"), "en", "de")),
    ("wmt14-en-fr", pairs(("train", "newstest2013", "newstest2014"), "en", "fr")),
    ("iwslt14-de-en", pairs(("train", "valid", "test"), "de", "en")),
    ("iwslt14-de-en", talks),
    ("wikitext-2", lambda root: wikitext(root, SOURCES)),
    ("wikitext-103", lambda root: wikitext(root, SOURCES)),
    ("wikitext-2-raw", raw),
    ("lm1b", shards),
    *[(name, packed(name, ending)) for name in ("enwik8", "text8") for ending in ("", ".gz", ".zip")],
    ("c4", documents("text", "c4-train.0.json.gz", "c4-validation.0.json")),
    ("codeparrot", documents("content", "train.jsonl", "valid.jsonl")),
    ("codeparrot", parquet_documents),
    ("pile-wordpiece", documents("text", "a.jsonl")),
    ("pile-wordpiece", own("a.txt", [line for text in SOURCES for line in (text, "")])),
    ("cnn-dailymail", stories),
    ("cnn-dailymail", articles),
    ("cnn-dailymail", presumm),
    ("cnn-dailymail", pairs(("train", "val", "test"), "source", "target")),
    ("ag-news", ag_news),
    ("imdb", reviews),
    ("personachat", turns),
    ("personachat", dialogues),
    ("personachat", convai2),
    ("personachat", triples),
    ("synthetic-persona-chat", synthetic_dialogues),
    *[(name, table(name)) for name in TABLES],
    *[(name, understanding(name)) for name in UNDERSTANDING],
    ("text", own("a.txt", SOURCES)),
    ("text:rows=files", lambda root: stories(root) / "**/*.story"),
    ("jsonl", own("a.jsonl.gz", FIELDS)),
    ("jsonl:text=text,label=mood,classes=bad+good", own("a.jsonl", FIELDS)),
    ("jsonl:text=text,score=stars", own("a.jsonl", FIELDS)),
    ("csv", own("a.csv", COLUMNS)),
    ("csv:text=text,label=mood,classes=bad+good", own("a.csv.gz", COLUMNS)),
    ("csv:source=text,target=mood", own("a.csv", COLUMNS)),
    ("csv:label=mood,encoding=utf-16", own("a.csv", COLUMNS, "utf-16")),
    ("jsonl:label=mood", own("a.json", ["[", ",\n".join(FIELDS), "]"])),
    ("jsonl:text={text} {stars},splits=none", own("a.json", SPREAD)),
    ("jsonl:records=rows", own("a.json", ['{"rows": [', ",\n".join(FIELDS), "]}"])),
    ("csv", own("a.tsv", ["id\ttext", *(f"1\t{text}" for text in SOURCES)])),
    ("parallel:source=de,target=en", pairs(("talks",), "de", "en")),
]
