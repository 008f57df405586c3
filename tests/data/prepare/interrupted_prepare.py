"""`synth prepare-corpus` with small shards, which a signal reaches after the second: run by the tests.

python -m tests.data.prepare.interrupted_prepare SIGNAL WORDS...
"""

import os
import signal
import sys

from synthcli.__main__ import main
from synthcli.data.prepare import local, sharding
from synthcli.data.prepare.shard import ShardDraft
from synthcli.data.prepare.store_build import StoreBuild
from tests.data.conftest import SMALL


def interrupt_after_two(name: str) -> None:
    """Send a signal after the second finished shard: Ctrl-C to the whole group, others to this process."""
    finish = StoreBuild.finish

    def finish_then_signal(self: StoreBuild, draft: ShardDraft) -> None:
        finish(self, draft)
        if len(self.records) == 2:
            send = os.killpg if name == "SIGINT" else os.kill
            send(os.getpid(), signal.Signals[name])

    StoreBuild.finish = finish_then_signal  # type: ignore[method-assign]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    sharding.SHARD_BYTES = local.SHARD_BYTES = SMALL
    interrupt_after_two(sys.argv.pop(1))
    main()
