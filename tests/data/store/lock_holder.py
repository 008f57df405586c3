"""What other processes do in the tests of locks: a module that is soon imported."""

import time
from pathlib import Path
from typing import Any

from synthcli.data.prepare.prepare_store import prepare_store
from synthcli.data.store.locking import hold_store_lock
from tests.data.small import BYTES


def hold(lock: Path, held: Any) -> None:
    with hold_store_lock(lock, lambda: None):
        held.set()
        time.sleep(60)


def hold_then_prepare(lock: Path, held: Any, root: Path, source: Path) -> None:
    with hold_store_lock(lock, lambda: None):
        held.set()
        time.sleep(0.5)
        made = prepare_store("multi30k", BYTES, root / "elsewhere", source).path
        made.rename(root / made.name)
        made.parent.rmdir()
