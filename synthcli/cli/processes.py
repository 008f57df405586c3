"""Start this very command in several processes of this machine, by torch's launcher."""

import os
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
    share = str(max(1, (os.cpu_count() or 1) // processes))
    launcher = ["torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [sys.executable, "-m", *launcher, "-m", "synthcli", *words]
    environment = {"OMP_NUM_THREADS": share, **os.environ}
    raise typer.Exit(subprocess.run(command, check=False, env=environment).returncode)
