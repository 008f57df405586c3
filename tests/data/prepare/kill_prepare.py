"""Kill a preparation at random moments, start it again each time, and compare it with one never killed.

    python -m tests.data.prepare.kill_prepare --kills 20 --workers 2 --seed 0 --corpus labelled

`--corpus` is `pairs`, a publisher's with its splits, or `labelled` or `text`, own files cut by a hash.

Half of the kills come from outside after a random time, the other half from within at a random file
operation (an open, a rename, a removal, a new folder): those hit the midst of a write for certain. Processes
that outlive the one killed go on for a while, beside the next preparation. At the end the store must be the
same bytes, but for the time in its manifest.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest

from synthcli.data.config import TokenizerConfig
from synthcli.data.prepare import local, sharding
from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.prepare.store_build import RECORDS
from synthcli.data.store.inventory import work_folder
from synthcli.data.store.store import store_path
from tests.data.prepare.workers import wait_for_workers
from tests.data.small import contents, names_in, write
from tests.killing import is_killed, kill_self_at

PIECES = TokenizerConfig(kind="sentencepiece-bpe", vocab_size=400)
ROWS = {"train": 4_000, "val": 200, "test_2016_flickr": 200}
SHARD_BYTES = 8_000
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}
EVENTS = 600  # about as many as a whole preparation has


def corpus(folder: Path) -> Path:
    """Write pairs of random words."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefgh", k=draw.randint(1, 9))) for _ in range(500)]
    for stem, rows in ROWS.items():
        for language in ("en", "de"):
            texts = [" ".join(draw.choices(words, k=draw.randint(1, 15))) for _ in range(rows)]
            write(folder / f"{stem}.{language}", texts)
    return folder


def labelled(folder: Path) -> Path:
    """Write a table sorted by label, some of its rows twice."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefgh", k=draw.randint(1, 9))) for _ in range(500)]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 15))) for _ in range(4_000)]
    rows = [f"{text},{label}" for label in ("no", "yes") for text in draw.choices(texts, k=4_000)]
    return write(folder / "sorted.csv", ["text,label", *rows])


def text(folder: Path) -> Path:
    """Write paragraphs of random words."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefgh", k=draw.randint(1, 9))) for _ in range(500)]
    lines = [" ".join(draw.choices(words, k=draw.choice((0, 7, 9, 11)))) for _ in range(8_000)]
    return write(folder / "book.txt", lines)


CORPORA = {
    "pairs": ("multi30k", corpus),
    "labelled": ("csv:label=label,classes=no+yes", labelled),
    "text": ("text", text),
}


def run(name: str, root: Path, source: Path, workers: int, kill_at_event: int | None) -> None:
    """Prepare in this process, with small shards."""
    sharding.SHARD_BYTES = local.SHARD_BYTES = SHARD_BYTES
    if kill_at_event is not None:
        kill_self_at(kill_at_event, root, FILE_EVENTS)
    wait_for_workers(pytest.MonkeyPatch())
    prepare_store(name, PIECES, root, source, workers=workers)


def attempt(
    name: str, root: Path, source: Path, workers: int, delay: float | None = None, event: int | None = None
) -> bool:
    """Run in a child; return whether it was killed."""
    work = partial(run, name, root, source, workers, event)
    return is_killed(work, delay, "a preparation that was started again failed")


def differences(expected: dict[str, bytes], path: Path) -> set[str]:
    """Return the files of a store that are not as expected, and what else has been left beside it."""
    found = contents(path)
    wrong = {key for key in expected | found if expected.get(key) != found.get(key)}
    return wrong | set(names_in(path.parent)) - {path.name}


def main(kills: int, workers: int, seed: int, corpus: str) -> None:
    chance, begun, kept = random.Random(seed), time.monotonic(), 0
    name, make = CORPORA[corpus]
    with tempfile.TemporaryDirectory() as folder:
        source, whole, killed = make(Path(folder) / "data"), Path(folder) / "whole", Path(folder) / "killed"
        start = time.monotonic()
        attempt(name, whole, source, workers)
        seconds, done, differing = time.monotonic() - start, 0, set[str]()
        path = store_path(killed, name, PIECES, source)
        expected = contents(store_path(whole, name, PIECES, source))
        while done < kills:
            from_outside = chance.random() < 0.5
            delay = chance.uniform(0, 2 * seconds / kills) if from_outside else None
            event = None if from_outside else chance.randrange(1, 2 * EVENTS // kills)
            if attempt(name, killed, source, workers, delay, event):
                done += 1
                records = work_folder(path) / RECORDS
                kept = records.read_text().count("\n") if records.exists() else kept
            else:  # it came to its end: another store is killed from now on
                differing |= differences(expected, path)
                shutil.rmtree(killed)
        attempt(name, killed, source, workers)
        differing |= differences(expected, path)
    total = time.monotonic() - begun
    report = f"{done} kills of {kills} asked, {kept} shards kept at the last, {len(expected)} files compared"
    sys.stdout.write(f"{report}, {total:.0f} s\n" + "".join(f"differs: {key}\n" for key in sorted(differing)))
    raise SystemExit(bool(differing))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", choices=list(CORPORA), default="pairs")
    main(**vars(parser.parse_args()))
