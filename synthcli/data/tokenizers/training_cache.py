"""Train a tokenizer once: the same text, kind and size take what is in the cache.

A folder of the cache is named by the sha256 of all that decides a tokenizer: kind, size, sample, and the
version of the library that trains it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from synthcli.atomic_files import new_folder
from synthcli.data.tokenizers.base import Tokenizer
from synthcli.data.tokenizers.training_sample import draw_sample
from synthcli.errors import SynthError

if TYPE_CHECKING:
    from synthcli.data.config import TokenizerConfig  # pydantic takes long to import

CACHE = ".tokenizers"  # in the folder of all stores
LARGEST = 2**20  # pieces: the libraries take memory for all that are asked for, and end the process without
LENGTH = 16  # hexadecimal digits of a folder's name

Train = Callable[["TokenizerConfig", list[str]], Tokenizer]
Load = Callable[[Path], Tokenizer]


def train_cached(
    config: "TokenizerConfig",
    texts: Iterable[str],
    train: Train,
    load: Load,
    library: str,
    cache: Path | None,
) -> Tokenizer:
    """Return a tokenizer trained on a sample of texts, from the cache where it is there."""
    if config.vocab_size > LARGEST:
        message = (
            f"cannot train `{config.kind}` with `vocab_size = {config.vocab_size}`: {LARGEST} is the most"
        )
        raise SynthError(message, "a few ten thousand pieces serve any text")
    sample = draw_sample(config.vocab_size, texts)
    if not sample.chunks:
        raise SynthError("no text to train a tokenizer on", "prepare a corpus that is not empty")
    decided: dict[str, object] = {
        "kind": config.kind,
        "requested": config.vocab_size,
        "library": f"{library} {version(library)}",
        "sample_sha256": sample.hash,
    }
    tokenizer = _load_cached(decided, load, cache)
    is_new = tokenizer is None
    if tokenizer is None:
        tokenizer = train(config, sample.chunks)
    tokenizer.training = decided | sample.describe()
    if is_new and cache is not None:
        with suppress(OSError), new_folder(_cache_folder(cache, decided), replaces=True) as folder:
            tokenizer.save(folder)
    return tokenizer


def _load_cached(decided: dict[str, object], load: Load, cache: Path | None) -> Tokenizer | None:
    """Return the tokenizer that the cache holds; a damaged one counts as none, and is replaced."""
    if cache is None or not (path := _cache_folder(cache, decided)).exists():
        return None
    with suppress(SynthError):
        return load(path)
    return None


def _cache_folder(cache: Path, decided: dict[str, object]) -> Path:
    """Return where the cache keeps what these decide."""
    digest = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
    return cache / f"{decided['kind']}-{decided['requested']}-{digest[:LENGTH]}"
