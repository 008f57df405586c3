"""WMT14 English to German: Europarl, Common Crawl, News Commentary (Bojar et al. 2014)."""

from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.parallel_text import parallel_folder
from synthcli.data.corpora.source import Folder, Record, Row

URL = "https://www.statmt.org/wmt14/translation-task.html"
LAYOUT = (
    "`train`, `valid` (or `newstest2013`) and `test` (or `newstest2014`), each as `.en` and `.de`,"
    " one sentence a line, plain or .gz; a name may say more, as `train.10k.en`; from https://nlp.stanford.edu/projects/nmt"
    f" or {URL}"
)
STEMS = {
    "train": ["train", "train.*", "train*"],
    "validation": ["valid", "newstest2013", "valid.*", "valid*", "dev*", "newstest2012"],
    "test": ["test", "newstest2014", "test.*", "test*"],
}
# What the Moses tokenizer escapes; the ampersand last, lest `&amp;quot;` be unescaped twice.
ENTITIES = {
    "&quot;": '"',
    "&apos;": "'",
    "&lt;": "<",
    "&gt;": ">",
    "&#91;": "[",
    "&#93;": "]",
    "&#124;": "|",
    "&amp;": "&",
}


def unescape(text: str) -> str:
    """Undo Moses' escapes: published copies mix escaped and plain quotes."""
    if "&" in text:
        for entity, character in ENTITIES.items():
            text = text.replace(entity, character)
    return text


def open_wmt14_en_de(root: Path) -> Folder:
    return parallel_folder(root, "wmt14-en-de", LAYOUT, STEMS, ("en", "de"), unescape)


def convert_wmt14_en_de(record: Record) -> Row:
    pair = record["translation"]
    return {"source": unescape(pair["en"]), "target": unescape(pair["de"])}


WMT14_EN_DE = Corpus(
    name="wmt14-en-de",
    kind="pairs",
    title="WMT14, English to German; test is newstest2014",
    licence="none stated: free for research",
    url=URL,
    layout=LAYOUT,
    rows={"train": 4_508_785, "validation": 3_000, "test": 3_003},
    hub=Hub("wmt/wmt14", "de-en", "b199e406369ec1b7634206d3ded5ba45de2fe696", convert_wmt14_en_de),
    folder=open_wmt14_en_de,
)
