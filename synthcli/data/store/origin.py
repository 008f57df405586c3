"""Where a store came from: the source it was asked for, and the command that makes it anew."""

import hashlib
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthcli.errors import SynthError

DIGITS = 8  # hexadecimal, of the hash of its source that ends a store's name
LONGEST = 200  # bytes of a corpus's name in a store's of before
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")  # a name that every file system and shell takes as it is
FIXED = ("bytes", "gpt2")  # tokenizers of one size


def stores_root() -> Path:
    """Return the folder of all stores: `SYNTH_STORES`, or `stores` here."""
    return Path(os.environ.get("SYNTH_STORES", "stores"))


def shorten_name(corpus: str) -> str:
    """Return what a corpus is called in names of files: itself, or one with options `csv-` and a hash."""
    if PLAIN.fullmatch(corpus):
        return corpus
    return f"{corpus.partition(':')[0]}-{hashlib.sha256(os.fsencode(corpus)).hexdigest()[:DIGITS]}"


def former_name(corpus: str) -> str:
    """Return what stores of before are called after a corpus: itself, or its beginning and a hash."""
    name = os.fsencode(corpus)
    if len(name) <= LONGEST:
        return corpus
    return f"{name[: LONGEST // 2].decode(errors='ignore')}~{hashlib.sha256(name).hexdigest()[:DIGITS]}"


def source_hash(source: Path) -> str:
    """Return what the name of a store ends with that was read from a source."""
    return hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:DIGITS]


def find_given_source(manifest: dict[str, Any], folder: Path) -> Path | None:
    """Return the file, folder or pattern a store was asked to read; None where none was named.

    Stores that do not note it say so by their names; a pattern that one of them was read from is not known.
    """
    source = manifest["source"]
    if "given" in source:
        return None if source["given"] is None else Path(source["given"])
    if source["kind"] != "folder" or "files" not in source:
        return None
    digits = folder.name.rpartition(".")[2]
    for candidate in _source_candidates(Path(source["path"]), source["files"]):
        if hashlib.sha256(os.fsencode(candidate)).hexdigest()[:DIGITS] == digits:
            return candidate
    raise SynthError(
        f"the store `{folder}` was read from {len(source['files']):,} file(s) of `{source['path']}`,"
        " and does not say how they were named",
        "name them: `--source PATH`",
    )


def _source_candidates(base: Path, files: list[dict[str, Any]]) -> Iterator[Path]:
    """Yield what may have been named where these files of a folder were read."""
    yield base
    for file in files:
        path = base / file["path"]
        yield from (path, path.with_suffix(""), path.with_suffix("").with_suffix(""))


def prepare_command(manifest: dict[str, Any], folder: Path) -> str | None:
    """Return the command that makes a store anew, to be copied as it stands; None where that is not known."""
    try:
        source, tokenizer = find_given_source(manifest, folder), manifest["tokenizer"]
        words = ["synth", "prepare-corpus", manifest["corpus"]]
        words += [] if source is None else ["--source", str(source)]
        words += ["--tokenizer", tokenizer["kind"]]
        words += [] if tokenizer["kind"] in FIXED else ["--vocab-size", str(tokenizer["requested"])]
        words += ["--tokenizer-files", tokenizer["files"]] if tokenizer.get("files") else []
        words += ["--form", tokenizer["form"]] if "form" in tokenizer else []
    except (SynthError, KeyError, TypeError):
        return None
    is_elsewhere = folder.absolute().parent.resolve() != stores_root().resolve()
    words += ["--stores", str(folder.absolute().parent)] if is_elsewhere else []
    return shlex.join([*words, "--force"])
