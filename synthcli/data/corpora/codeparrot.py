"""CodeParrot's Python files that use data science libraries (the Hugging Face course, chapter 7)."""

from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.documents import document_folder
from synthcli.data.corpora.source import Folder

URL = "https://huggingface.co/datasets/huggingface-course/codeparrot-ds-train"
LAYOUT = (
    "json lines, plain or .gz, or parquet, with `content`, in folders or files named after train and valid:"
    f" {URL} and `codeparrot-ds-valid` beside it; files of one split alone are cut 90/5/5 by rows"
)
PATTERNS = {"`*.json`": "*.json", "`*.jsonl`": "*.jsonl", "`*.parquet`": "*.parquet"}


def _open_codeparrot(root: Path) -> Folder:
    return document_folder(root, "codeparrot", LAYOUT, "content", PATTERNS)


CODEPARROT = Corpus(
    name="codeparrot",
    kind="text",
    title="CodeParrot: Python files that use data science libraries",
    licence="the licence of each file",
    url=URL,
    layout=LAYOUT,
    rows={"train": 606_720, "validation": 3_322},
    folder=_open_codeparrot,
)
