"""The One Billion Word benchmark (Chelba et al. 2013, arXiv 1312.3005): shuffled sentences of news.

Its vocabulary is fixed: every word that stands at least three times in the training shards, 793,471 of them
with the marks of a sentence's ends and of unknown words. The list that models of it share
(github.com/rafaljozefowicz/lm) is read where it stands beside the shards; else the same rule makes one.

On the hub, the main branch was a loading script for long; whether the pinned revision loads could not be
tried. Its card gives 30,301,028 and 306,688 rows, and what is read must have as many.
"""

from collections.abc import Iterator
from pathlib import Path

from synthcli.data.corpora.base import Corpus
from synthcli.data.corpora.find_files import find_corpus_file, find_files, lacks_error
from synthcli.data.corpora.hub import Hub
from synthcli.data.corpora.reading import lines
from synthcli.data.corpora.source import Folder, Record, Row, SplitFiles, cut
from synthcli.errors import SynthError

URL = "https://www.statmt.org/lm-benchmark/"
TRAINING = "training-monolingual.tokenized.shuffled"
HELD_OUT = "heldout-monolingual.tokenized.shuffled"
LAYOUT = (
    f"`{TRAINING}/news.en-*-of-00100` and `{HELD_OUT}/news.en.heldout-*-of-00050`, plain or .gz, from {URL};"
    " held-out shard 0 is test, the next is validation;"
    " without training shards the rows of the held-out ones are cut 90/5/5;"
    " its words are those of `1b_word_vocab.txt`, where that stands beside them"
)
VOCABULARIES = ("1b_word_vocab.txt", "vocab-2016-09-10.txt")  # the same words under two names
LEAST_COUNT = 3
SHARD_ROWS = 6_075  # of held-out shard 0, on which the benchmark's results are given


def shards(root: Path, folder: str, pattern: str) -> list[Path]:
    """Return the shards of a folder of the publisher's, or of `root` where they stand there."""
    return find_files(root / folder, pattern) or find_files(root, pattern)


def _read_lm1b(files: tuple[Path, ...]) -> Iterator[Row]:
    for path in files:
        for line in lines(path):
            yield {"text": line}


def _open_lm1b(root: Path) -> Folder:
    """Sort the shards into splits."""
    training = shards(root, TRAINING, "news.en-*-of-*")
    held_out = shards(root, HELD_OUT, "news.en.heldout-*-of-*")
    vocabulary = find_corpus_file(root, VOCABULARIES)
    if not held_out:
        raise lacks_error(root, f"`{HELD_OUT}/news.en.heldout-00000-of-00050`", "lm1b", LAYOUT)
    if not training:
        return cut(root, tuple(held_out), _read_lm1b, f"{len(held_out)} held-out shard(s)", vocabulary)
    if len(held_out) == 1:
        raise lacks_error(root, f"`{HELD_OUT}/news.en.heldout-00001-of-00050`", "lm1b", LAYOUT)
    test, validation = held_out[:2]
    if "heldout-00000-" not in test.name:
        raise SynthError(f"`{root}` holds no held-out shard 0, which is test", f"expected {LAYOUT}")
    parts = {"train": training, "validation": [validation], "test": [test]}
    found = {split: SplitFiles(tuple(files), _read_lm1b) for split, files in parts.items()}
    return Folder(root, found, vocabulary=vocabulary)


def _convert_lm1b(record: Record) -> Row:
    return {"text": record["text"]}


LM1B = Corpus(
    name="lm1b",
    kind="text",
    title="One Billion Word benchmark: shuffled sentences of news",
    licence="Apache-2.0 (the benchmark); the text is its publishers'",
    url=URL,
    layout=LAYOUT,
    # The hub holds all 50 held-out shards as one split of 306,688 rows.
    rows={"train": 30_301_028, "validation": 306_688 - SHARD_ROWS, "test": SHARD_ROWS},
    hub=Hub(
        "billion-word-benchmark/lm1b",
        None,
        "8d52bfd3cc2819fc1166dbb8144c328e2690de3e",
        _convert_lm1b,
        {"train": "train", "validation": f"test[{SHARD_ROWS}:]", "test": f"test[:{SHARD_ROWS}]"},
    ),
    tokenizer="words",
    vocab_size=793_470,
    least_count=LEAST_COUNT,
    folder=_open_lm1b,
)
