"""C4, English: the Colossal Clean Crawled Corpus (Raffel et al. 2020, arXiv 1910.10683)."""

from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.documents import document_folder
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.source import Folder, Record, Row

URL = "https://huggingface.co/datasets/allenai/c4"
LAYOUT = (
    "`c4-train.*.json` and `c4-validation.*.json`, plain or .gz, one object a line with `text`,"
    f" from `en` of {URL}; files of one split alone are cut 90/5/5 by rows"
)


def _open_c4(root: Path) -> Folder:
    return document_folder(root, "c4", LAYOUT, "text", {"`c4-*.json`": "c4-*.json"})


def _convert_c4(record: Record) -> Row:
    return {"text": record["text"]}


C4 = Corpus(
    name="c4",
    kind="text",
    title="C4: pages of the web in English, cleaned",
    licence="ODC-BY (the corpus); the text is its authors'",
    url=URL,
    layout=LAYOUT,
    rows={"train": 364_868_892, "validation": 364_608},
    hub=Hub(
        "allenai/c4",
        "en",
        "1588ec454efa1a09f29cd18ddd04fe05fc8653a2",
        _convert_c4,
        {"train": "train", "validation": "validation"},
        streamed=True,
    ),
    folder=_open_c4,
)
