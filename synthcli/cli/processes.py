"""Start this very command in several processes of this machine.

torch's own launcher would do, but shows a traceback of its own for every message of ours, and turns a saved
interrupt into a failure.
"""

import os
import socket
import subprocess
import sys

import typer


def launch(processes: int) -> None:
    """Run the command line again without `--processes`, each process on its share of the cores."""
    words, own = [], iter(sys.argv[1:])
    for word in own:
        if word == "--processes":
            next(own, None)
        elif not word.startswith("--processes="):
            words.append(word)
    command = [sys.executable, "-m", "synthcli", *words]
    shared = {
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes)),
        **os.environ,
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    children = [
        subprocess.Popen(command, env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(processes)
    ]
    raise typer.Exit(outcome(children))


def outcome(children: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all; return the first code that is not 0. An interrupt reaches every child by itself."""
    codes = []
    for child in children:
        while True:
            try:
                codes.append(child.wait())
                break
            except KeyboardInterrupt:
                continue
        if codes[-1] != 0:
            for other in children:
                other.terminate()
    return next((code for code in codes if code), 0)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
