"""WikiText-103 (Merity et al. 2016, arXiv 1609.07843): one paragraph or heading a line."""

from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_files
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.source import Folder, SplitFiles
from synthcli.data.corpora.wikitext_2 import LAYOUT, REVISION, STEMS, URL, convert_wikitext_2, read_rows


def _open_wikitext_103(root: Path) -> Folder:
    wanted = {split: [f"{stem}.tokens"] for split, stem in STEMS.items()}
    found = find_corpus_files(root, wanted, "wikitext-103", LAYOUT)
    return Folder(root, {split: SplitFiles((path,), read_rows) for split, path in found.items()})


WIKITEXT_103 = Corpus(
    name="wikitext-103",
    kind="text",
    title="WikiText-103: good articles of Wikipedia, rare words as <unk>",
    licence="CC BY-SA",
    url=URL,
    layout=LAYOUT,
    rows={"train": 1_801_350, "validation": 3_760, "test": 4_358},
    tokenizer="words",
    vocab_size=267_735,
    hub=Hub("Salesforce/wikitext", "wikitext-103-v1", REVISION, convert_wikitext_2),
    folder=_open_wikitext_103,
)
