"""IMDB film reviews, negative or positive (Maas et al. 2011, ACL)."""

from collections.abc import Iterator
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_files, lacks_error
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import lines
from synthcli.data.corpora.source import Folder, Record, Row, SplitFiles

URL = "https://ai.stanford.edu/~amaas/data/sentiment"
CLASS_NAMES = ("neg", "pos")
SPLITS = ("train", "test")
LAYOUT = (
    "`aclImdb`, or the folder itself, with `train/neg`, `train/pos`, `test/neg` and `test/pos`:"
    f" one `.txt` a review; from {URL}; there is no validation split"
)


def _join_lines(text: str) -> str:
    """Return a review on one line: the publisher writes a line's end as <br />."""
    return " ".join(text.replace("<br />", " ").split())


def _read_imdb(files: tuple[Path, ...]) -> Iterator[Row]:
    for path in files:
        yield {"text": _join_lines("\n".join(lines(path))), "label": CLASS_NAMES.index(path.parent.name)}


def _open_imdb(root: Path) -> Folder:
    base = root / "aclImdb" if (root / "aclImdb").is_dir() else root
    names = [f"{split}/{name}" for split in SPLITS for name in CLASS_NAMES]
    found = {name: find_files(base / name, "*.txt") for name in names}
    missing = [f"`{name}/*.txt`" for name, files in found.items() if not files]
    if missing:
        raise lacks_error(root, missing, "imdb", LAYOUT)
    return Folder(root, {split: SplitFiles(_both(found, split), _read_imdb) for split in SPLITS})


def _both(found: dict[str, list[Path]], split: str) -> tuple[Path, ...]:
    """Return a split's reviews by file name, so that the first rows hold both classes."""
    files = [path for name in CLASS_NAMES for path in found[f"{split}/{name}"]]
    return tuple(sorted(files, key=lambda path: (path.name, path.parent.name)))


def _convert_imdb(record: Record) -> Row:
    return {"text": _join_lines(record["text"]), "label": record["label"]}


IMDB = Corpus(
    name="imdb",
    kind="labelled",
    title="IMDB: film reviews, negative or positive",
    licence="none stated: free for research",
    url=URL,
    layout=LAYOUT,
    rows={"train": 25_000, "test": 25_000},
    class_names=CLASS_NAMES,
    hub=Hub(
        "stanfordnlp/imdb",
        None,
        "e6281661ce1c48d982bc483cf8a173c1bbeb5d31",
        _convert_imdb,
        {split: split for split in SPLITS},
    ),
    folder=_open_imdb,
)
