"""WikiText-2, tokens and raw (Merity et al. 2016, arXiv 1609.07843): one paragraph or heading a line."""

from collections.abc import Iterator
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_file, find_corpus_files, find_files, lacks_error
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import lines
from synthcli.data.corpora.source import Folder, Record, Row, SplitFiles, cut

URL = "https://huggingface.co/datasets/Salesforce/wikitext"
REVISION = "b08601e04326c79dfdd32d625aee71d232d685c3"
ROWS = {"train": 36_718, "validation": 3_760, "test": 4_358}
STEMS = {"train": "wiki.train", "validation": "wiki.valid", "test": "wiki.test"}


def _describe_layout(ending: str) -> str:
    return f"`wiki.train.{ending}`, `wiki.valid.{ending}` and `wiki.test.{ending}`, plain or .gz, from {URL}"


LAYOUT = _describe_layout("tokens")
RAW_LAYOUT = _describe_layout("raw") + "; a folder with one of them alone is cut 90/5/5 by rows"


def read_rows(files: tuple[Path, ...]) -> Iterator[Row]:
    """Yield every line, blank ones too, without the spaces at its ends: the official counts have them all."""
    for path in files:
        for line in lines(path):
            yield {"text": line.strip(" ")}


def open_wikitext_2(root: Path) -> Folder:
    if not find_files(root, "wiki.*.tokens") and find_files(root, "wiki.*.raw"):
        raise lacks_error(
            root, "`wiki.train.tokens`", "wikitext-2", "`wikitext-2-raw` for files that end in `.raw`"
        )
    wanted = {split: [f"{stem}.tokens"] for split, stem in STEMS.items()}
    found = find_corpus_files(root, wanted, "wikitext-2", LAYOUT)
    return Folder(root, {split: SplitFiles((path,), read_rows) for split, path in found.items()})


def _raw_folder(root: Path) -> Folder:
    wanted = {split: [f"{stem}.raw"] for split, stem in STEMS.items()}
    present = [path for patterns in wanted.values() if (path := find_corpus_file(root, patterns))]
    if len(present) == 1:
        return cut(root, tuple(present), read_rows, f"`{present[0].name}`")
    found = find_corpus_files(root, wanted, "wikitext-2-raw", RAW_LAYOUT)
    return Folder(root, {split: SplitFiles((path,), read_rows) for split, path in found.items()})


def convert_wikitext_2(record: Record) -> Row:
    return {"text": record["text"].strip(" \n")}


WIKITEXT_2 = Corpus(
    name="wikitext-2",
    kind="text",
    title="WikiText-2: good articles of Wikipedia, rare words as <unk>",
    licence="CC BY-SA",
    url=URL,
    layout=LAYOUT,
    rows=ROWS,
    hub=Hub("Salesforce/wikitext", "wikitext-2-v1", REVISION, convert_wikitext_2),
    folder=open_wikitext_2,
)
WIKITEXT_2_RAW = Corpus(
    name="wikitext-2-raw",
    kind="text",
    title="WikiText-2 with every word kept",
    licence="CC BY-SA",
    url=URL,
    layout=RAW_LAYOUT,
    rows=ROWS,
    hub=Hub("Salesforce/wikitext", "wikitext-2-raw-v1", REVISION, convert_wikitext_2),
    folder=_raw_folder,
)
