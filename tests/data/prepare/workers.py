"""Workers that take part also in preparations which are over before a process has started."""

from pathlib import Path

import pytest

from synthcli.children import Children
from synthcli.data.prepare.worker import ShardWorker

SECONDS = 60


def wait_for_workers(patch: pytest.MonkeyPatch) -> None:
    """Let a worker be ready from the moment that it is there."""
    begin = ShardWorker.__init__

    def begin_and_wait(self: ShardWorker, tokenizer: Path, drafts: Path, children: Children) -> None:
        begin(self, tokenizer, drafts, children)
        assert self.connection.poll(SECONDS)

    patch.setattr(ShardWorker, "__init__", begin_and_wait)
