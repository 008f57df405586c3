"""Processes of a training that are forked, not started anew: they spare themselves the imports."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from synthcli.children import Children
from synthcli.cli import screen
from synthcli.cli.processes import RANK


class Forked:
    """As much of `Popen` as is asked of a child."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        return self._wait(0)

    def _wait(self, how: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork_ranks() -> None:
    """Have `Children` fork the processes of a training in this process."""
    start_module = Children.start_module

    def start(
        self: Children,
        module: str,
        words: Sequence[str],
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Any:
        if module != RANK:
            return start_module(self, module, words, env, **options)
        group = self._group()
        pid = os.fork()
        if pid == 0:
            be_a_rank(self, group, words, env or {})
        process = Forked(pid)
        self._started.append(process)  # type: ignore[arg-type]
        return process

    Children.start_module = start  # type: ignore[method-assign, assignment]


def be_a_rank(children: Children, group: int, words: Sequence[str], env: Mapping[str, str]) -> None:
    """Do what `python -m synthcli.cli.rank` does."""
    try:
        os.setpgid(0, group)
        for guard in children._guards:  # its pipe is the command's alone
            assert guard.stdin is not None
            guard.stdin.close()
        os.environ.clear()
        os.environ.update(env)
        screen.IS_SILENT = screen.out.quiet = screen.err.quiet = env["RANK"] != "0"
        sys.argv = [RANK, *words]
        from synthcli.cli import rank

        rank.run_rank()
    finally:
        os._exit(99)
