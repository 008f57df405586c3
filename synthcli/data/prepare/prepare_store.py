"""Make a store: open a corpus, train or load its tokenizer, encode its shards, record it all.

Shards are the unit of work: an executor makes those that are missing, in several processes, and a preparation
that was interrupted goes on with the next one (`store_build`). The store is the same bytes however many
processes there are and however often they are killed; only `created` in its manifest tells when.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from synthcli.atomic_files import parents_of
from synthcli.data.config import TokenizerConfig
from synthcli.data.corpora import Corpus, Source, find_corpus
from synthcli.data.prepare.executors import Executor, find_executor
from synthcli.data.prepare.local import ExecutorOptions
from synthcli.data.prepare.manifest_entry import (
    add_up_counts,
    build_manifest,
    describe_request,
    list_source_files,
    write_descriptions,
)
from synthcli.data.prepare.sharding import cut_corpus
from synthcli.data.prepare.source_changes import refuse_changed, remember_source, source_marks
from synthcli.data.prepare.store_build import StoreBuild, open_build
from synthcli.data.prepare.vocabulary import obtain_tokenizer
from synthcli.data.quality import quality_report
from synthcli.data.store.inventory import lock_path
from synthcli.data.store.locking import hold_store_lock
from synthcli.data.store.manifest import MANIFEST, QUALITY, Manifest, remember_verified
from synthcli.data.store.shards import write_json
from synthcli.data.store.store import Store, open_store, store_path
from synthcli.data.tokenizers.training_cache import CACHE
from synthcli.disk import guard_write
from synthcli.errors import WorkFailedError
from synthcli.progress import Progress, no_progress

WAITING = "waiting for another preparation of the same store"
ELSEWHERE = "set `SYNTH_STORES` to another folder"
THEN = "the same command again: finished shards are kept, and it goes on after them"

Count = Callable[[Mapping[str, int]], None]
"""Called with what is counted so far: rows, bytes, tokens."""


def prepare_store(
    corpus: str,
    tokenizer: TokenizerConfig,
    root: Path,
    source: Path | None = None,
    progress: Progress = no_progress,
    force: bool = False,
    workers: int = 1,
    engine: str = "local",
    address: str | None = None,
    count: Count | None = None,
) -> Store:
    """Return the store of a corpus, made where it is not there yet; interrupted, the next call goes on."""
    declared, options = find_corpus(corpus), ExecutorOptions(workers, address)
    chosen = find_executor(engine, options)
    path = store_path(root, corpus, tokenizer, source)
    if path.exists() and not force:
        return _reuse_store(open_store(path))
    opened = declared.open(source)
    encode = partial(
        _encode_shards, executor=chosen, options=options, report=progress, count=count or _no_count
    )
    with (
        guard_write(f"the store of `{corpus}`", path, ELSEWHERE, THEN),
        parents_of(path),
        hold_store_lock(lock_path(path), lambda: progress(WAITING, 0, None)) as waited,
    ):
        if waited and path.exists():
            return _reuse_store(open_store(path))
        request = describe_request(declared, opened, source, tokenizer)
        with open_build(path, request) as work:
            manifest = _make_store(work, declared, opened, source, tokenizer, progress, encode)
            if list_source_files(opened) != request["files"]:
                raise _source_changed_error(corpus)
    return Store(path, manifest)


def _reuse_store(store: Store) -> Store:
    """Return a store whose source is as it was; another source is refused."""
    refuse_changed(store)
    return store


def _no_count(done: Mapping[str, int]) -> None:
    """Report nothing."""


def _make_store(
    work: StoreBuild,
    corpus: Corpus,
    opened: Source,
    source: Path | None,
    config: TokenizerConfig,
    report: Progress,
    encode: Callable[[StoreBuild, Corpus, Source, str], None],
) -> Manifest:
    """Make what is missing of a store in its work folder and return its manifest."""
    tokenizer = obtain_tokenizer(work.tokenizer, config, corpus, opened, report, work.folder.parent / CACHE)
    encode(work, corpus, opened, tokenizer.form)
    counts = add_up_counts(corpus, opened, work.records.values())
    write_descriptions(work, corpus, opened, tokenizer.form)
    manifest = build_manifest(work, corpus, opened, source, config, tokenizer, counts)
    write_json(work.store / MANIFEST, manifest)
    remember_verified(work.store, manifest)
    remember_source(work.store, source_marks(opened.files, manifest["source"].get("files", [])))
    report("looking for duplicates and leaks", 0, None)
    write_json(work.store / QUALITY, quality_report(work.store, manifest))
    return manifest


def _encode_shards(
    work: StoreBuild,
    corpus: Corpus,
    opened: Source,
    form: str,
    executor: Executor,
    options: ExecutorOptions,
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
    tasks = work.list_missing(cut_corpus(corpus, opened, form))
    for draft in executor(tasks, work.tokenizer, work.drafts, options):
        work.finish(draft)
        done.update(draft.record.counts)
        count(done)
        report("encoding", done["rows"], total)


def _source_changed_error(corpus: str) -> WorkFailedError:
    return WorkFailedError(
        f"the files of `{corpus}` changed while they were read", "the same command again reads them anew"
    )
