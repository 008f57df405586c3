"""The quality of a store: blank rows, duplicates, lengths, unknown ids, classes, and rows of two splits.

Rows are compared by their ids, as a model sees them. Memory is eight bytes a row, whatever a row's length; of
a store with very many rows a share is compared, chosen by the hashes themselves: equal rows stay together.
"""

from pathlib import Path
from typing import Any

from synthcli.data.quality.class_balance import ClassCounts
from synthcli.data.quality.duplicates import count_overlaps, count_repeats
from synthcli.data.quality.lengths import Lengths
from synthcli.data.quality.picture import FORMATS, draw_picture
from synthcli.data.quality.quality_warnings import list_warnings
from synthcli.data.quality.rows import id_columns, read_batches, row_hashes
from synthcli.data.quality.vocabulary_coverage import VocabularyCoverage
from synthcli.data.store.hashing import Hashes
from synthcli.data.store.manifest import Manifest
from synthcli.data.tokenizers import load_tokenizer

COMPARED_AT_MOST = 2**25  # rows: 256 MiB of hashes


def quality_report(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """Return what the finished shards of a store hold, by split, and how many rows two splits share."""
    tokenizer = load_tokenizer(folder / "tokenizer")
    splits = list(manifest["splits"])
    rows = sum(counts["rows"] for counts in manifest["splits"].values())
    one_in = max(1, -(-rows // COMPARED_AT_MOST))
    names = list(manifest["class_names"]) if manifest["kind"] == "labelled" else []
    read = {
        split: read_quality(folder / split, tokenizer.unk_id, tokenizer.vocab_size, one_in, names)
        for split in splits
    }
    return {
        "corpus": manifest["corpus"],
        "kind": manifest["kind"],
        "tokenizer": {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size, "hash": tokenizer.hash},
        "compared_one_row_in": one_in,
        "splits": {split: counted for split, (counted, _) in read.items()},
        "overlaps": count_overlaps({split: hashes for split, (_, hashes) in read.items()}),
    }


def read_quality(
    folder: Path, unk_id: int, vocab_size: int, one_in: int, class_names: list[str]
) -> tuple[dict[str, object], Hashes]:
    """Return what a split holds, and the sorted hashes of its rows that are not empty."""
    coverage, lengths, kept = VocabularyCoverage(vocab_size, unk_id), dict[str, Lengths](), list[Hashes]()
    classes = ClassCounts(class_names)
    rows = empty = 0
    for batch in read_batches(folder):
        columns = id_columns(batch)
        for name, ids in columns.items():
            lengths.setdefault(name, Lengths()).add(ids.lengths)
            coverage.add(ids.values)
        hashes, is_empty = row_hashes(list(columns.values()))
        hashes = hashes[~is_empty]
        kept.append(hashes if one_in == 1 else hashes[hashes % one_in == 0])
        if class_names:
            classes.add(batch.column("label"))
        rows += len(is_empty)
        empty += int(is_empty.sum())
    hashes, repeated = count_repeats(kept)
    counted = {
        "rows": rows,
        "empty": empty,
        **coverage.describe(),
        **repeated,
        **({"labels": classes.describe()} if class_names else {}),
        "lengths": {name: column.describe() for name, column in lengths.items()},
    }
    return counted, hashes


__all__ = ["FORMATS", "draw_picture", "list_warnings", "quality_report"]
