"""Make a store: read a corpus, train or load its tokenizer, encode every split, record it all."""

import platform
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from synthcli import __version__
from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import Corpus, Row, Source, find_corpus
from synthcli.data.manifest import FORMAT, MANIFEST, describe_files, describe_sources
from synthcli.data.partial import whole_folder
from synthcli.data.shards import ShardWriter, write_json
from synthcli.data.store import Store, open_store, store_path
from synthcli.data.tokenizers import Tokenizer, train_or_load_tokenizer
from synthcli.data.tokenizers.words import frequent_words
from synthcli.data.tokenizers.words_published import published_words
from synthcli.errors import SynthError

ROWS_AT_ONCE = 2_000  # encoded together

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, rows done, and rows in all where they are known."""


def prepare(
    corpus: str,
    tokenizer: TokenizerConfig,
    root: Path,
    source: Path | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> Store:
    """Return the store of a corpus, made where it is not there yet; interrupted, nothing is left behind."""
    declared = find_corpus(corpus)
    path = store_path(root, corpus, tokenizer, source)
    if path.exists() and not force:
        return open_store(path)
    opened = declared.open(source)
    report = progress or silent
    with whole_folder(path) as folder:
        trained = tokenizer_for(tokenizer, declared, opened, report)
        (folder / "tokenizer").mkdir()
        trained.save(folder / "tokenizer")
        counts = {
            split: write_split(folder, declared, opened, split, trained, report) for split in opened.splits
        }
        write_json(folder / "dataset_dict.json", {"splits": list(counts)})
        manifest = describe(declared, opened, source, tokenizer, trained, counts)
        manifest["files"] = describe_files(folder)
        write_json(folder / MANIFEST, manifest)
    return Store(path, manifest)


def silent(what: str, done: int, total: int | None) -> None:
    """Report nothing."""


def tokenizer_for(config: TokenizerConfig, corpus: Corpus, opened: Source, report: Progress) -> Tokenizer:
    """Return a tokenizer; words are those its publisher lists, or counts often enough."""
    texts = training_texts(opened, report)
    if config.kind != "words" or config.files is not None:
        return train_or_load_tokenizer(config, texts)
    if opened.vocabulary is not None:
        return published_words(config, opened.vocabulary)
    return frequent_words(config, texts, corpus.least_count)


def texts_of(row: Row) -> list[str]:
    if "choices" in row:
        return row["choices"]
    return [row["text"]] if "text" in row else [row["source"], row["target"]]


def training_texts(opened: Source, report: Progress) -> Iterator[str]:
    """Yield the texts of the training split, all those of a row, for a tokenizer to learn from."""
    for number, row in enumerate(opened.read("train")):
        if number % ROWS_AT_ONCE == 0:
            report("reading for the tokenizer", number, None)
        yield from texts_of(row)
    report("training the tokenizer", 0, None)


def write_split(
    folder: Path, corpus: Corpus, opened: Source, split: str, tokenizer: Tokenizer, report: Progress
) -> dict[str, int]:
    """Encode a split into shards and return its counts; an empty one is refused."""
    counts, longest = Counter[str](), Counter[str]()
    rows, total = opened.read(split), corpus.rows.get(split)
    with ShardWriter(folder / split, corpus.kind) as writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            columns = ENCODERS[corpus.kind](batch, tokenizer)
            writer.write(columns)
            count(counts, longest, batch, columns)
            if tokenizer.kind == "words":
                texts = (ids for _, column in ids_in(columns) for ids in column)
                counts["unknown"] += sum(ids.count(tokenizer.unk_id) for ids in texts)
            report(f"encoding {split}", counts["rows"], total)
    if counts["rows"] == counts["empty"]:
        what = "holds blank rows only" if counts["rows"] else "is empty"
        raise SynthError(f"the split `{split}` of `{corpus.name}` {what}", f"expected {corpus.layout}")
    return {**counts, **longest}


def count(
    counts: Counter[str], longest: Counter[str], batch: list[Row], columns: dict[str, list[Any]]
) -> None:
    """Add a batch to the counts of its split."""
    texts = [texts_of(row) for row in batch]
    counts["rows"] += len(batch)
    counts["empty"] += sum(not all(text.strip() for text in row) for row in texts)
    counts["words"] += sum(words_in(text) for row in texts for text in row)
    counts["bytes"] += sum(bytes_in(text) for row in texts for text in row)
    for name, texts_ids in ids_in(columns):
        lengths = [len(ids) for ids in texts_ids]
        counts["tokens"] += sum(lengths)
        longest[f"longest_{name}"] = max(longest[f"longest_{name}"], *lengths)


def ids_in(columns: dict[str, list[Any]]) -> Iterator[tuple[str, list[list[int]]]]:
    """Yield the columns of ids, one list a text."""
    for name in ("tokens", "source", "target", "choices"):
        if name in columns:
            yield name, list(chain(*columns[name])) if name == "choices" else columns[name]


def words_in(text: str) -> int:
    """Count words between white space, and the line's end as one."""
    return len(text.split()) + 1


def bytes_in(text: str) -> int:
    """Count bytes of UTF-8, and the line's end as one."""
    return len(text.encode()) + 1


def encode_text(rows: list[Row], tokenizer: Tokenizer) -> dict[str, list[Any]]:
    texts = [row["text"] for row in rows]
    return {
        "tokens": tokenizer.encode_batch(texts),
        "words": [words_in(text) for text in texts],
        "bytes": [bytes_in(text) for text in texts],
    }


def encode_pairs(rows: list[Row], tokenizer: Tokenizer) -> dict[str, list[Any]]:
    sources, targets = [row["source"] for row in rows], [row["target"] for row in rows]
    return {
        "source": tokenizer.encode_batch(sources),
        "target": tokenizer.encode_batch(targets),
        "source_text": sources,
        "target_text": targets,
    }


def encode_labelled(rows: list[Row], tokenizer: Tokenizer) -> dict[str, list[Any]]:
    texts = [row["text"] for row in rows]
    return {"tokens": tokenizer.encode_batch(texts), "label": [row["label"] for row in rows]}


def encode_scored(rows: list[Row], tokenizer: Tokenizer) -> dict[str, list[Any]]:
    texts = [row["text"] for row in rows]
    return {"tokens": tokenizer.encode_batch(texts), "score": [row["score"] for row in rows]}


def encode_choices(rows: list[Row], tokenizer: Tokenizer) -> dict[str, list[Any]]:
    ids = iter(tokenizer.encode_batch([text for row in rows for text in row["choices"]]))
    return {
        "choices": [list(islice(ids, len(row["choices"]))) for row in rows],
        "label": [row["label"] for row in rows],
    }


Encoder = Callable[[list[Row], Tokenizer], dict[str, list[Any]]]
ENCODERS: dict[str, Encoder] = {
    "text": encode_text,
    "pairs": encode_pairs,
    "labelled": encode_labelled,
    "scored": encode_scored,
    "choices": encode_choices,
}


def describe(
    corpus: Corpus,
    opened: Source,
    source: Path | None,
    config: TokenizerConfig,
    tokenizer: Tokenizer,
    counts: dict[str, dict[str, int]],
) -> dict[str, Any]:
    """Return the manifest but for the store's own files."""
    origin = opened.describe() | {"notes": list(opened.notes)}
    if source is not None:
        origin["files"] = describe_sources(source, opened.files)
    return {
        "format": FORMAT,
        "corpus": corpus.name,
        "kind": corpus.kind,
        "class_names": list(corpus.class_names),
        "source": origin,
        "tokenizer": {
            "kind": tokenizer.kind,
            "requested": config.size,
            "vocab_size": tokenizer.vocab_size,
            "hash": tokenizer.hash,
        },
        "splits": counts,
        "published_rows": corpus.rows,
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "synth": __version__,
        "python": platform.python_version(),
    }
