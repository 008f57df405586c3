"""Text for BERT on one GPU in a day: the Pile (Gao et al. 2020, arXiv 2101.00027) as Geiping and Goldstein
(2022, arXiv 2212.14034) read it, in word pieces.
"""

from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.documents import document_folder
from synthcli.data.corpora.source import Folder

URL = "https://arxiv.org/abs/2212.14034"
LAYOUT = (
    "any folder of `.jsonl` with `text`, or of `.txt` whose documents blank lines part, plain or .gz;"
    " train, val and test in the files' names, else they are cut 90/5/5 by rows"
)
PATTERNS = {"`*.jsonl`": "*.jsonl", "`*.txt`": "*.txt"}


def _open_pile_wordpiece(root: Path) -> Folder:
    return document_folder(root, "pile-wordpiece", LAYOUT, "text", PATTERNS)


PILE_WORDPIECE = Corpus(
    name="pile-wordpiece",
    kind="text",
    title="Documents for pretraining BERT, in word pieces",
    licence="the licence of what you bring",
    url=URL,
    layout=LAYOUT,
    tokenizer="wordpiece",
    folder=_open_pile_wordpiece,
)
