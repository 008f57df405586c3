"""Start this very command in several processes, by accelerate's launcher."""

import os
import subprocess
import sys

import typer


def launch(processes: int) -> None:
    """Run the command line again under `accelerate launch`, each process on its share of the cores."""
    words, own = [], iter(sys.argv[1:])
    for word in own:
        if word == "--processes":
            next(own, None)
        elif not word.startswith("--processes="):
            words.append(word)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(processes)]
    import torch

    if torch.cuda.is_available():
        command.append("--multi_gpu")
    else:
        command += ["--cpu", "--num_cpu_threads_per_process", str(max(1, (os.cpu_count() or 1) // processes))]
    command += [
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
        "--num_machines",
        "1",
        "-m",
        "synthcli",
        *words,
    ]
    raise typer.Exit(subprocess.run(command, check=False).returncode)
