"""IWSLT 2014, German to English: transcripts of TED talks (Cettolo et al. 2014, IWSLT).

Two forms are read. Prepared, as fairseq's script makes it: lower-cased, tokenised, and without pairs that are
long or of unequal length; the published counts are its own. As the organisers give it: whole, with a row for
each title and description too; every 23rd row of training is validation, and test is five sets one after
another, the same choice as that script's. The hub holds it as loading scripts alone, which `datasets` no
longer runs, so it is read from its files.
"""

import re
from collections.abc import Iterator
from functools import partial
from html import unescape
from itertools import zip_longest
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_file, lacks_error
from synthcli.data.corpora.parallel_text import parallel_folder
from synthcli.data.corpora.reading import lines, parallel
from synthcli.data.corpora.source import Folder, Row, SplitFiles
from synthcli.errors import SynthError

URL = "https://wit3.fbk.eu/2014-01"
LANGUAGES = ("de", "en")
LAYOUT = (
    "`train`, `valid` and `test`, each as `.de` and `.en`, as fairseq's `prepare-iwslt14.sh` makes them;"
    " or the folder `de-en` of the organisers, with `train.tags.de-en.de` and `.en` and five"
    f" `IWSLT14.TED*.de-en.de.xml` beside their `.en.xml`; plain or .gz; from {URL}"
)
STEMS = {"train": ["train"], "validation": ["valid"], "test": ["test"]}
TESTS = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")
EVERY = 23  # of training is one row of validation
MADE = f"every {EVERY}rd row of the training talks"
TAGS = re.compile(r"</?(?:title|description)>")
SEGMENT = re.compile(r"<seg [^>]*>(.*)</seg>")


def talks(files: tuple[Path, ...], held_out: bool) -> Iterator[Row]:
    """Yield the rows of the training talks that are held out, or the others; lines about a talk are none."""
    number = 0
    for source, target in parallel(files[0], files[1]):
        texts = [TAGS.sub("", line).strip() for line in (source, target)]
        if not any(text.startswith("<") for text in texts):
            number += 1
            if (number % EVERY == 0) == held_out:
                yield {"source": texts[0], "target": texts[1]}


def _segments(files: tuple[Path, ...]) -> Iterator[Row]:
    """Yield the segments of sources beside those of their targets."""
    for path, beside in zip(files[::2], files[1::2], strict=True):
        for source, target in zip_longest(_read_texts(path), _read_texts(beside)):
            if source is None or target is None:
                raise SynthError(
                    f"`{path.name}` and `{beside.name}` have unequally many segments", f"expected {LAYOUT}"
                )
            yield {"source": source, "target": target}


def _read_texts(path: Path) -> Iterator[str]:
    return (unescape(found[1]).strip() for line in lines(path) if (found := SEGMENT.search(line)))


def _open_iwslt14_de_en(root: Path) -> Folder:
    base = root / "de-en" if (root / "de-en").is_dir() else root
    if find_corpus_file(base, ["train.tags.de-en.de"]) is None:
        return parallel_folder(root, "iwslt14-de-en", LAYOUT, STEMS, LANGUAGES)
    names = [f"train.tags.de-en.{language}" for language in LANGUAGES]
    names += [f"IWSLT14.{test}.de-en.{language}.xml" for test in TESTS for language in LANGUAGES]
    found = {name: find_corpus_file(base, [name]) for name in names}
    missing = [f"`{name}`" for name, path in found.items() if path is None]
    if missing:
        raise lacks_error(base, missing, "iwslt14-de-en", LAYOUT)
    files = tuple(path for path in found.values() if path is not None)
    parts = {
        "train": SplitFiles(files[:2], partial(talks, held_out=False)),
        "validation": SplitFiles(files[:2], partial(talks, held_out=True)),
        "test": SplitFiles(files[2:], _segments),
    }
    return Folder(root, parts, (f"validation is {MADE}",), splits_made=MADE)


IWSLT14_DE_EN = Corpus(
    name="iwslt14-de-en",
    kind="pairs",
    title="IWSLT 2014, German to English: transcripts of talks",
    licence="CC BY-NC-ND 4.0 (TED talks)",
    url=URL,
    layout=LAYOUT,
    rows={"train": 160_239, "validation": 7_283, "test": 6_750},
    folder=_open_iwslt14_de_en,
)
