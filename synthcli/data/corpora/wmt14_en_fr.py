"""WMT14 English to French (Bojar et al. 2014)."""

from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.parallel_text import parallel_folder
from synthcli.data.corpora.source import Folder, Record, Row
from synthcli.data.corpora.wmt14_en_de import STEMS, URL, unescape

LAYOUT = (
    "`train`, `valid` (or `newstest2013`) and `test` (or `newstest2014`), each as `.en` and `.fr`,"
    f" one sentence a line, plain or .gz; a name may say more, as `train.10k.en`; from {URL}"
)


def _open_wmt14_en_fr(root: Path) -> Folder:
    return parallel_folder(root, "wmt14-en-fr", LAYOUT, STEMS, ("en", "fr"), unescape)


def _convert_wmt14_en_fr(record: Record) -> Row:
    pair = record["translation"]
    return {"source": unescape(pair["en"]), "target": unescape(pair["fr"])}


WMT14_EN_FR = Corpus(
    name="wmt14-en-fr",
    kind="pairs",
    title="WMT14, English to French; test is newstest2014",
    licence="none stated: free for research",
    url=URL,
    layout=LAYOUT,
    rows={"train": 40_836_715, "validation": 3_000, "test": 3_003},
    hub=Hub("wmt/wmt14", "fr-en", "b199e406369ec1b7634206d3ded5ba45de2fe696", _convert_wmt14_en_fr),
    folder=_open_wmt14_en_fr,
)
