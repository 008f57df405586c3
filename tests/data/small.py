"""Small corpora in their publishers' layouts."""

import gzip
import json
from pathlib import Path

from synthcli.data.config import TokenizerConfig
from synthcli.data.store.manifest import MANIFEST, VERIFIED

BYTES = TokenizerConfig.model_validate({"kind": "bytes"})
PIECES = TokenizerConfig(kind="sentencepiece-unigram", vocab_size=320)
SOURCES = [f"line {number} of a small corpus" for number in range(20)]
TARGETS = [f"Zeile {number}" for number in range(20)]


def write(path: Path, lines: list[str]) -> Path:
    """Write lines, packed where the name says so."""
    content = "".join(f"{line}\n" for line in lines).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def multi30k(folder: Path) -> Path:
    """Write 20, 4 and 3 pairs."""
    for stem, rows in {"train": 20, "val": 4, "test_2016_flickr": 3}.items():
        write(folder / f"{stem}.en", SOURCES[:rows])
        write(folder / f"{stem}.de.gz", TARGETS[:rows])
    return folder


def wikitext(folder: Path, train: list[str]) -> Path:
    """Write given training lines, and two lines for each other split."""
    write(folder / "wiki.train.tokens", train)
    write(folder / "wiki.valid.tokens", [" = Title = ", ""])
    write(folder / "wiki.test.tokens", [" a test ", ""])
    return folder


def ag_news(folder: Path) -> Path:
    """Write six and three records."""
    records = [
        f'"{number % 4 + 1}","Title {number}","First\\second ""quoted"" {number}"' for number in range(6)
    ]
    write(folder / "train.csv", records)
    write(folder / "test.csv.gz", records[:3])
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a store, of its manifest all but when it was made; not when files were seen."""
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != VERIFIED
    }
    manifest = json.loads(found[MANIFEST])
    del manifest["created"]
    return found | {MANIFEST: json.dumps(manifest).encode()}


def names_in(folder: Path) -> list[str]:
    """Return what stands in a folder, but for the cache of tokenizers."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".tokenizers")
