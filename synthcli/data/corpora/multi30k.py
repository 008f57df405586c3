"""Multi30k, English to German: captions of pictures (Elliott et al. 2016, arXiv 1605.00459)."""

from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.parallel_text import parallel_folder
from synthcli.data.corpora.source import Folder, Record, Row

URL = "https://github.com/multi30k/dataset"
LAYOUT = (
    "`train`, `val` and `test_2016_flickr`, each as `.en` and `.de`, plain or .gz,"
    f" from `data/task1/raw` of {URL}"
)
STEMS = {
    "train": ["train"],
    "validation": ["val", "valid"],
    "test": ["test_2016_flickr", "test2016", "flickr2016", "test"],
}


def _open_multi30k(root: Path) -> Folder:
    return parallel_folder(root, "multi30k", LAYOUT, STEMS, ("en", "de"))


def _convert_multi30k(record: Record) -> Row:
    return {"source": record["en"], "target": record["de"]}


MULTI30K = Corpus(
    name="multi30k",
    kind="pairs",
    title="Multi30k captions, English to German; test is test_2016_flickr",
    licence="non-commercial research and education (from Flickr30K)",
    url=URL,
    layout=LAYOUT,
    rows={"train": 29_000, "validation": 1_014, "test": 1_000},
    hub=Hub("bentrevett/multi30k", None, "37e118600232bb5298ca011a8a7e7a44e863c36a", _convert_multi30k),
    folder=_open_multi30k,
)
