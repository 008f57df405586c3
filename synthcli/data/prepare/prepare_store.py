"""Make a store: open a corpus, train or load its tokenizer, encode its shards, record it all.

Shards are the unit of work: an engine makes those that are missing, in several processes, and a preparation
that was interrupted goes on with the next one (`store_build`). The store is the same bytes however many
processes there are and however often they are killed; only `created` in its manifest tells when.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import Corpus, Source, find_corpus
from synthcli.data.prepare.executors import Engine, find_engine
from synthcli.data.prepare.local import Means
from synthcli.data.prepare.manifest_entry import (
    counts_by_split,
    describe,
    files_of,
    request_of,
    write_descriptions,
)
from synthcli.data.prepare.sharding import tasks_of
from synthcli.data.prepare.source_changes import marks_of, refuse_changed, remember_source
from synthcli.data.prepare.store_build import Work, work_for
from synthcli.data.prepare.vocabulary import Progress, tokenizer_at
from synthcli.data.quality import report as quality
from synthcli.data.store.locking import locked
from synthcli.data.store.manifest import MANIFEST, QUALITY, remember
from synthcli.data.store.shards import write_json
from synthcli.data.store.store import Store, open_store, store_path
from synthcli.data.tokenizers.trained import CACHE
from synthcli.disk import writing
from synthcli.durable import parents_of
from synthcli.errors import WorkFailedError

__all__ = ["Progress", "prepare"]

WAITING = "waiting for another preparation of the same store"
ELSEWHERE = "set `SYNTH_STORES` to another folder"
THEN = "the same command again: finished shards are kept, and it goes on after them"

Count = Callable[[Mapping[str, int]], None]
"""Called with what is counted so far: rows, bytes, tokens."""


def prepare(
    corpus: str,
    tokenizer: TokenizerConfig,
    root: Path,
    source: Path | None = None,
    progress: Progress | None = None,
    force: bool = False,
    workers: int = 1,
    engine: str = "local",
    address: str | None = None,
    count: Count | None = None,
) -> Store:
    """Return the store of a corpus, made where it is not there yet; interrupted, the next call goes on."""
    declared, means = find_corpus(corpus), Means(workers, address)
    chosen = find_engine(engine, means)
    path = store_path(root, corpus, tokenizer, source)
    if path.exists() and not force:
        return unchanged(open_store(path))
    opened = declared.open(source)
    report = progress or silent
    making = partial(encode, engine=chosen, means=means, report=report, count=count or uncounted)
    lock = path.with_name(f".{path.name}.lock")
    with (
        writing(f"the store of `{corpus}`", path, ELSEWHERE, THEN),
        parents_of(path),
        locked(lock, lambda: report(WAITING, 0, None)) as waited,
    ):
        if waited and path.exists():
            return unchanged(open_store(path))
        request = request_of(declared, opened, source, tokenizer)
        with work_for(path, request) as work:
            manifest = make(work, declared, opened, source, tokenizer, report, making)
            if files_of(opened) != request["files"]:
                raise changed(corpus)
    return Store(path, manifest)


def unchanged(store: Store) -> Store:
    """Return a store whose source is as it was; another source is refused."""
    refuse_changed(store)
    return store


def silent(what: str, done: int, total: int | None) -> None:
    """Report nothing."""


def uncounted(done: Mapping[str, int]) -> None:
    """Report nothing."""


def make(
    work: Work,
    corpus: Corpus,
    opened: Source,
    source: Path | None,
    config: TokenizerConfig,
    report: Progress,
    making: Callable[[Work, Corpus, Source, str], None],
) -> dict[str, Any]:
    """Make what is missing of a store in its work folder and return its manifest."""
    tokenizer = tokenizer_at(work.tokenizer, config, corpus, opened, report, work.folder.parent / CACHE)
    making(work, corpus, opened, tokenizer.form)
    counts = counts_by_split(corpus, opened, work.records.values())
    write_descriptions(work, corpus, opened, tokenizer.form)
    manifest = describe(work, corpus, opened, source, config, tokenizer, counts)
    write_json(work.store / MANIFEST, manifest)
    remember(work.store, manifest)
    remember_source(work.store, marks_of(opened.files, manifest["source"].get("files", [])))
    report("looking for duplicates and leaks", 0, None)
    write_json(work.store / QUALITY, quality(work.store, manifest))
    return manifest


def encode(
    work: Work,
    corpus: Corpus,
    opened: Source,
    form: str,
    engine: Engine,
    means: Means,
    report: Progress,
    count: Count,
) -> None:
    """Make the shards that are missing."""
    done = Counter[str]()
    for record in work.records.values():
        done.update(record.counts)
    total = sum(corpus.rows.get(split, 0) for split in opened.splits) or None
    count(done)
    report("encoding", done["rows"], total)
    tasks = work.missing(tasks_of(corpus, opened, form))
    for draft in engine(tasks, work.tokenizer, work.drafts, means):
        work.finish(draft)
        done.update(draft.record.counts)
        count(done)
        report("encoding", done["rows"], total)


def changed(corpus: str) -> WorkFailedError:
    return WorkFailedError(
        f"the files of `{corpus}` changed while they were read", "the same command again reads them anew"
    )
