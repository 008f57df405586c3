"""AG News topic classification (Zhang, Zhao and LeCun 2015, arXiv 1509.01626)."""

from collections.abc import Iterator
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_files
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import clip, records
from synthcli.data.corpora.source import Folder, Record, Row, SplitFiles
from synthcli.errors import SynthError

URL = "https://arxiv.org/abs/1509.01626"
CLASS_NAMES = ("World", "Sports", "Business", "Sci/Tech")
LAYOUT = (
    "`train.csv` and `test.csv`, plain or .gz, without a header: class from 1 to 4, title, description;"
    f" from `ag_news_csv` of the authors ({URL}); there is no validation split"
)
FILES = {"train": ["train.csv"], "test": ["test.csv"]}


def _join_lines(text: str) -> str:
    """Return a text on one line: the publisher writes a line's end as a backslash."""
    return " ".join(text.replace("\\", " ").split())


def _read_ag_news(files: tuple[Path, ...]) -> Iterator[Row]:
    for path in files:
        for number, (label, title, description) in records(path, columns=3):
            if label not in ("1", "2", "3", "4"):
                raise SynthError(
                    f"`{path}` has class `{clip(label)}` at line {number}, expected 1 to 4",
                    f"expected {LAYOUT}",
                )
            yield {"text": _join_lines(f"{title} {description}"), "label": int(label) - 1}


def _open_ag_news(root: Path) -> Folder:
    found = find_corpus_files(root, FILES, "ag-news", LAYOUT)
    return Folder(root, {split: SplitFiles((path,), _read_ag_news) for split, path in found.items()})


def _convert_ag_news(record: Record) -> Row:
    return {"text": _join_lines(record["text"]), "label": record["label"]}


AG_NEWS = Corpus(
    name="ag-news",
    kind="labelled",
    title="AG News: title and description by topic",
    licence="non-commercial use",
    url=URL,
    layout=LAYOUT,
    rows={"train": 120_000, "test": 7_600},
    class_names=CLASS_NAMES,
    hub=Hub(
        "fancyzhx/ag_news",
        None,
        "eb185aade064a813bc0b7f42de02595523103ca4",
        _convert_ag_news,
        {"train": "train", "test": "test"},
    ),
    folder=_open_ag_news,
)
