"""The quality of a store: blank rows, duplicates, lengths, unknown ids, classes, and rows of two splits.

Rows are compared by their ids, as a model sees them. Memory is eight bytes a row, whatever a row's length; of
a store with very many rows a share is compared, chosen by the hashes themselves: equal rows stay together.
"""

from pathlib import Path
from typing import Any

from synthcli.data.quality.arrow import batches_of, ids_in
from synthcli.data.quality.class_balance import Classes
from synthcli.data.quality.duplicates import overlaps, repeats
from synthcli.data.quality.hashing import Hashes, row_hashes
from synthcli.data.quality.lengths import Lengths
from synthcli.data.quality.picture import FORMATS, picture
from synthcli.data.quality.quality_warnings import findings
from synthcli.data.quality.vocabulary_coverage import Used
from synthcli.data.tokenizers import load_tokenizer

COMPARED_AT_MOST = 2**25  # rows: 256 MiB of hashes


def report(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what the finished shards of a store hold, by split, and how many rows two splits share."""
    tokenizer = load_tokenizer(folder / "tokenizer")
    splits = list(manifest["splits"])
    rows = sum(counts["rows"] for counts in manifest["splits"].values())
    one_in = max(1, -(-rows // COMPARED_AT_MOST))
    names = list(manifest["class_names"]) if manifest["kind"] == "labelled" else []
    read = {
        split: read_split(folder / split, tokenizer.unk_id, tokenizer.vocab_size, one_in, names)
        for split in splits
    }
    return {
        "corpus": manifest["corpus"],
        "kind": manifest["kind"],
        "tokenizer": {"kind": tokenizer.kind, "vocab_size": tokenizer.vocab_size, "hash": tokenizer.hash},
        "compared_one_row_in": one_in,
        "splits": {split: counted for split, (counted, _) in read.items()},
        "overlaps": overlaps({split: hashes for split, (_, hashes) in read.items()}),
    }


def read_split(
    folder: Path, unk_id: int, vocab_size: int, one_in: int, class_names: list[str]
) -> tuple[dict[str, Any], Hashes]:
    """Return what a split holds, and the sorted hashes of its rows that are not empty."""
    used, lengths, kept = Used(vocab_size), dict[str, Lengths](), list[Hashes]()
    classes = Classes(class_names)
    rows = empty = tokens = unknown = 0
    for batch in batches_of(folder):
        columns = ids_in(batch)
        for name, ids in columns.items():
            lengths.setdefault(name, Lengths()).add(ids.lengths)
            used.add(ids.values)
            tokens += len(ids.values)
            unknown += int((ids.values == unk_id).sum())
        hashes, is_empty = row_hashes(list(columns.values()))
        hashes = hashes[~is_empty]
        kept.append(hashes if one_in == 1 else hashes[hashes % one_in == 0])
        if class_names:
            classes.add(batch.column("label"))
        rows += len(is_empty)
        empty += int(is_empty.sum())
    hashes, repeated = repeats(kept)
    counted = {
        "rows": rows,
        "empty": empty,
        "tokens": tokens,
        "unknown": unknown,
        "ids_used": used.count(),
        **repeated,
        **({"labels": classes.describe()} if class_names else {}),
        "lengths": {name: column.describe() for name, column in lengths.items()},
    }
    return counted, hashes


__all__ = ["FORMATS", "findings", "picture", "report"]
