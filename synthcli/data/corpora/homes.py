"""Where the files of a corpus are expected: in a folder of its own under the data root."""

import os
from pathlib import Path

# The first name is where `synth corpora fetch` puts the files; the others are what publishers call them.
HOMES: dict[str, tuple[str, ...]] = {
    "ag-news": ("ag-news", "ag_news_csv"),
    "imdb": ("imdb", "aclImdb"),
    "glue-cola": ("glue/CoLA",),
    "glue-sst2": ("glue/SST-2",),
    "glue-mrpc": ("glue/MRPC",),
    "glue-stsb": ("glue/STS-B",),
    "glue-qqp": ("glue/QQP",),
    "glue-mnli": ("glue/MNLI",),
    "glue-qnli": ("glue/QNLI",),
    "glue-rte": ("glue/RTE",),
    "glue-wnli": ("glue/WNLI",),
    "superglue-boolq": ("superglue/BoolQ",),
    "superglue-cb": ("superglue/CB",),
    "superglue-copa": ("superglue/COPA",),
    "superglue-multirc": ("superglue/MultiRC",),
    "superglue-record": ("superglue/ReCoRD",),
    "superglue-rte": ("superglue/RTE",),
    "superglue-wic": ("superglue/WiC",),
    "superglue-wsc": ("superglue/WSC",),
}
ANYWHERE = frozenset({"text", "jsonl", "csv", "parallel"})  # a user's own text: wherever the user says


def data_root() -> Path:
    """Return the folder of all publishers' files: `SYNTH_DATA`, or `data` here."""
    return Path(os.environ.get("SYNTH_DATA", "data"))


def list_homes(corpus: str) -> list[Path]:
    """Return the folders that are looked into for a corpus, the one it is fetched to first."""
    if corpus.partition(":")[0] in ANYWHERE:
        return []
    names = HOMES.get(corpus, (corpus, corpus.replace("-", "_")))
    return [data_root() / name for name in dict.fromkeys(names)]


def find_home(corpus: str) -> Path | None:
    """Return the folder under the data root that holds the files of a corpus, if one does."""
    return next((home for home in list_homes(corpus) if is_filled(home)), None)


def is_filled(folder: Path) -> bool:
    """Whether a folder holds anything but hidden files."""
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())
