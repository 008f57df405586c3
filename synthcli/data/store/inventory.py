"""What lies in a folder of stores: stores, preparations that are not complete, and what is not ours."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from synthcli import atomic_files
from synthcli.data.store.locking import hold_store_lock
from synthcli.data.store.manifest import MANIFEST, Manifest, read_store_manifest, store_hash
from synthcli.data.store.store import is_other_manifest, stores_root
from synthcli.data.tokenizers.training_cache import CACHE
from synthcli.disk import WAIT, not_removed, remove_here
from synthcli.errors import SynthError, did_you_mean

Kind = Literal["store", "damaged", "unfinished", "leftover", "cache", "foreign"]
WORK, LOCK = ".work", ".lock"


@dataclass(frozen=True)
class FoundStore:
    """Something in a folder of stores; `state` says what it is, or what is wrong with it."""

    path: Path
    kind: Kind
    state: str
    manifest: Manifest = field(default_factory=dict)

    @property
    def hash(self) -> str | None:
        return store_hash(self.manifest["files"]) if self.manifest else None

    @property
    def is_in_use(self) -> bool:
        return self.state == "in use"


def look_through_stores(root: Path) -> list[FoundStore]:
    """Return what lies in a folder of stores, by name; lock files are none of it."""
    paths = sorted(root.iterdir()) if root.is_dir() else []
    return [_look_at_store(path) for path in paths if not (path.is_file() and path.name.endswith(LOCK))]


def _look_at_store(path: Path) -> FoundStore:
    """Return what one folder is."""
    if atomic_files.LEFT.fullmatch(path.name):
        return FoundStore(path, "leftover", "in use" if atomic_files.is_in_use(path) else "left over")
    if path.name == CACHE:
        return FoundStore(path, "cache", "tokenizers trained once")
    if path.name.startswith(".") and path.name.endswith(WORK):
        is_running = atomic_files.is_in_use(lock_path(path))
        return FoundStore(path, "unfinished", "in use" if is_running else "not complete")
    if (path / MANIFEST).is_file() and not is_other_manifest(path):
        return _store_at(path)
    return FoundStore(path, "foreign", "no store" if path.is_dir() else "a file")


def _store_at(path: Path) -> FoundStore:
    """Return a store; its files are compared with the manifest by size, not by hash."""
    try:
        manifest = read_store_manifest(path)
        _refuse_incomplete(path, manifest)
    except SynthError as error:
        return FoundStore(path, "damaged", f"damaged: {error.message}")
    except OSError as error:
        return FoundStore(path, "damaged", f"damaged: {error.strerror or error}")
    return FoundStore(path, "store", "whole", manifest)


def _refuse_incomplete(path: Path, manifest: Manifest) -> None:
    """Raise where a file of a store is missing or of another size than it should be."""
    for file in manifest["files"]:
        place = path / file["path"]
        if not place.is_file() or place.stat().st_size != file["bytes"]:
            raise SynthError(f"`{file['path']}` is missing or cut short")


def lock_path(path: Path) -> Path:
    """Return the lock of the preparation of a store, given the store or its work folder."""
    name = path.name
    own = name[1 : -len(WORK)] if name.startswith(".") and name.endswith(WORK) else name
    return path.with_name(f".{own}{LOCK}")


def work_folder(path: Path) -> Path:
    """Return where the work for a store stands."""
    return path.with_name(f".{path.name}{WORK}")


def find_among(word: str, there: Sequence[FoundStore]) -> FoundStore:
    """Return what a word names: a store's name, its path, or its corpus where one store has it."""
    path = Path(word)
    named = [one for one in there if one.path.name == word]
    named = named or [one for one in there if path.exists() and one.path.samefile(path)]
    named = named or [one for one in there if one.manifest.get("corpus") == word]
    if len(named) > 1:
        names = ", ".join(f"`{one.path.name}`" for one in named)
        raise SynthError(f"`{word}` has {len(named)} stores", f"name one: {names}")
    if named:
        return named[0]
    if (path / MANIFEST).is_file():  # of another folder of stores
        return _look_at_store(path)
    stores = [one.path.name for one in there if one.kind in ("store", "damaged", "unfinished")]
    if not stores:
        raise SynthError(f"there are no stores in `{stores_root()}`", "`synth prepare-corpus NAME` makes one")
    raise SynthError(f"unknown store `{word}`", did_you_mean(word, stores))


def refuse_removal(one: FoundStore) -> None:
    """Raise for what is being made, and for what is no store."""
    if one.kind == "foreign":
        raise SynthError(f"`{one.path}` is no store, and not removed", "remove it yourself if it is yours")
    if one.is_in_use or atomic_files.is_in_use(lock_path(one.path)):
        _refuse_prepared(one.path)


def _refuse_prepared(path: Path) -> None:
    raise SynthError(f"`{path}` is in use: it is being prepared", WAIT)


def remove_store(one: FoundStore) -> None:
    """Remove a store with what is half prepared of it; a kill leaves nothing that passes for a store."""
    try:
        with ExitStack() as until_then:
            if one.kind in ("store", "damaged", "unfinished"):
                until_then.enter_context(
                    hold_store_lock(lock_path(one.path), lambda: _refuse_prepared(one.path))
                )
            elif one.kind == "leftover":
                until_then.enter_context(atomic_files.hold_lock(one.path))
                remove_here(one.path)
            for path in (one.path, work_folder(one.path)):
                if path.exists():
                    atomic_files.remove_folder(path, is_swept=True)
    except BlockingIOError as error:
        raise SynthError(f"`{one.path}` is in use: a process writes to it", WAIT) from error
    except OSError as error:
        of, folder = ("stores", "SYNTH_STORES"), one.path.parent
        raise not_removed(error, one.path, of, folder, stores_root()) from error
