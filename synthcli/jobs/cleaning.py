"""Removing stores: who reads one is known to the runs, which a store knows nothing of."""

from collections.abc import Sequence
from typing import TypedDict

from synthcli.data.store.inventory import FoundStore, find_among, look_through_stores, refuse_removal
from synthcli.data.store.store import stores_root
from synthcli.disk import WAIT, count_bytes
from synthcli.errors import SynthError
from synthcli.runs import runs_root
from synthcli.runs.inventory import Found, look_through
from synthcli.runs.removing import Removal


class ListedStore(TypedDict):
    """A folder among stores: null is what it does not say."""

    path: str
    kind: str
    state: str
    bytes: int
    corpus: str | None
    tokenizer: str | None
    vocab_size: int | None
    rows: dict[str, int] | None
    created: str | None
    hash: str | None
    runs: list[str]


def plan_store_removal(words: Sequence[str], leftovers: bool = False) -> list[Removal[FoundStore]]:
    """Return what words name, and what killed processes left; raise for what is in use, or is not ours."""
    there, runs = look_through_stores(stores_root()), readers(look_through(runs_root()))
    chosen = {one.path: one for word in words for one in [find_among(word, there)]}
    if leftovers:
        kinds = ("leftover", "unfinished")
        chosen |= {one.path: one for one in there if one.kind in kinds and not one.is_in_use}
    return [plan_removal(one, runs) for one in chosen.values()]


def readers(found: Sequence[Found]) -> dict[str, list[Found]]:
    """Return the runs that read each store, by its hash."""
    runs: dict[str, list[Found]] = {}
    for one in found:
        if one.kind == "run" and one.run.store_hash is not None:
            runs.setdefault(one.run.store_hash, []).append(one)
    return runs


def plan_removal(one: FoundStore, runs: dict[str, list[Found]]) -> Removal[FoundStore]:
    """Return the removal of a store; one that a run at work reads is refused."""
    refuse_removal(one)
    reading = runs.get(one.hash or "", [])
    for run in reading:
        if run.is_in_use:
            raise SynthError(f"`{one.path}` is in use: run `{run.path}` reads it", WAIT)
    notes = [
        f"run `{run.path}` ({run.state}) reads `{one.path}`" for run in reading if run.state != "complete"
    ]
    complete = sum(run.state == "complete" for run in reading)
    if complete:
        who = "1 complete run reads" if complete == 1 else f"{complete:,} complete runs read"
        notes.append(f"{who} `{one.path}`: `synth eval` would prepare it again")
    return Removal(one, count_bytes(one.path), tuple(notes))


def row_of_store(one: FoundStore, runs: dict[str, list[Found]]) -> ListedStore:
    """Return one row of the list; null is what a folder does not say."""
    manifest = one.manifest
    splits = {name: counts["rows"] for name, counts in manifest.get("splits", {}).items()}
    tokenizer = manifest.get("tokenizer", {})
    return {
        "path": str(one.path),
        "kind": one.kind,
        "state": one.state,
        "bytes": count_bytes(one.path),
        "corpus": manifest.get("corpus"),
        "tokenizer": tokenizer.get("kind"),
        "vocab_size": tokenizer.get("vocab_size"),
        "rows": splits or None,
        "created": manifest.get("created"),
        "hash": one.hash,
        "runs": [str(run.path) for run in runs.get(one.hash or "", [])],
    }
