"""What is refused, and how: more processes than there are GPUs, and a batch for which memory ends.

Of the latter the command that the message names is run, literally, until a training is done.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.gpu.commands import TAIL, synth
from benchmarks.gpu.needs import ROOT
from benchmarks.gpu.parts import Bench
from benchmarks.gpu.record import FAILED, PASSED, Row
from benchmarks.gpu.trainings import SHAPES

MOST_COMMANDS = 8
GIGABYTES = {"cuda": 12, "cpu": 2.0}  # that a training may take; on a processor beside what Python takes
ONE_STEP = ("training.steps=1", "training.evaluate_every=1", "training.validation_examples=8")
RESUME = re.compile(r"`(synth train --resume [^`]+)`")
# run by another process: `synth` with less memory than there is
LIMITED = """
import sys, torch
size, kind, *words = sys.argv[1:]
if kind == "cuda":
    torch.cuda.set_per_process_memory_fraction(float(size) * 1e9 / torch.cuda.mem_get_info()[1])
else:
    import resource, synthcli.jobs.train
    pages = int(open("/proc/self/statm").read().split()[0])
    most = pages * resource.getpagesize() + int(float(size) * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
from synthcli.__main__ import main
sys.argv = ["synth", *words]
main()
"""


def run(bench: Bench) -> Iterator[Row]:
    """Ask for too many processes, then for too much memory."""
    yield ask_for_processes(bench)
    yield end_memory(bench)


def ask_for_processes(bench: Bench) -> Row:
    """Ask for one process more than there are GPUs; on a processor two processes train."""
    import torch

    count = torch.cuda.device_count() + 1 if bench.is_cuda else 2
    words = ["train", "wmt14-vanilla", "--scale", "smoke", "--processes", str(count)]
    done = synth(*words, "--device", bench.device.type, *sets("training.steps=2"))
    told = (done.stdout + done.stderr).strip()
    if bench.is_cuda:
        is_right = done.returncode == 2 and f"`--processes {count}` takes a GPU each" in told
    else:
        is_right = done.returncode == 0 and "step 2 of 2" in told
    return {"asked": shlex.join(words), "result": PASSED if is_right else FAILED, "told": told[-TAIL:]}


def sets(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def end_memory(bench: Bench) -> Row:
    """Train with less memory than a batch needs, and follow what is said."""
    shape = SHAPES["codeparrot"]
    settings = shape.settings if bench.is_cuda else ("data.batch.size=256",)
    scale = "paper" if bench.is_cuda else "smoke"
    words = ["train", shape.preset, "--scale", scale, "--device", bench.word, *sets(*settings, *ONE_STEP)]
    said = []
    for _ in range(MOST_COMMANDS):
        done = synth_limited(bench, words)
        if done.returncode == 0:
            break
        said.append(done.stderr.strip()[-TAIL:])
        found = RESUME.search(done.stderr)
        if "Traceback" in done.stderr or found is None:
            return {"memory": GIGABYTES[bench.device.type], "result": FAILED, "said": said}
        words = shlex.split(found[1])[1:]
    is_right = done.returncode == 0 and len(said) > 0 and "data.batch.micro_size=" in said[0]
    return {
        "memory": GIGABYTES[bench.device.type],
        "result": PASSED if is_right else FAILED,
        "said": said[:1],
        "command": shlex.join(words),
        "commands": len(said),
    }


def synth_limited(bench: Bench, words: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run `synth` in a process that may take so many gigabytes."""
    size = str(GIGABYTES[bench.device.type])
    command = [sys.executable, "-c", LIMITED, size, bench.device.type, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
