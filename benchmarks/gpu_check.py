"""Build the native kernels, and ask this machine's GPU what has to be known of it: one command, 9 minutes.

    make gpu-check                        (python benchmarks/gpu_check.py)
    make gpu-check ONLY=steps,resume      parts of it; `--list` names them, in the order in which they run

Writes benchmarks/results/<gpu>.json, row by row, and keeps there what other parts found before. Exit code 0:
all that ran has passed; 1: something failed; 2: no CUDA device, or a library is missing. `--device cpu`
rehearses it on a processor, small, and writes build/gpu-check/cpu.json.
"""

import argparse
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from threading import Timer
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WHEELS = ROOT / "wheels"
WORK = ROOT / "build" / "gpu-check"
WIDE = 160  # characters of a value that are shown
TAIL = 600  # characters of what a part that broke said last

sys.path.insert(0, str(ROOT))

from benchmarks.gpu import needs
from benchmarks.gpu.parts import PARTS, PATIENCE, Part, choose
from benchmarks.gpu.record import FAILED, PASSED, Record, Row


def refuse(message: str) -> int:
    print(f"gpu-check: {message}", file=sys.stderr)
    return 2


def build(target: Path, device: str) -> Row:
    """Build the libraries into a folder and have them used, and nothing else, unless they are there."""
    from synthcli.kernels import builder, places, report

    os.environ["SYNTH_KERNELS_DIR"] = str(target)
    os.environ["SYNTH_KERNELS"] = "native"
    began = time.monotonic()
    found, kind = report.read_report(target), "cuda" if device == "cuda" else "cpu"
    if (
        found is None
        or found.sources != places.hash_sources(places.sources())
        or not found.parts[kind].is_built
    ):
        found = builder.build_kernels(target, mode="require" if device == "cuda" else "cpu")
    told = ("status", "version", "reason", "targets")
    parts = {kind: {name: getattr(part, name) for name in told} for kind, part in found.parts.items()}
    return {**parts, "seconds": round(time.monotonic() - began, 1)}


def show(row: Row) -> None:
    told = {key: str(value) for key, value in row.items() if value not in (None, [], {})}
    words = [f"{key}: {value if len(value) <= WIDE else value[:WIDE] + '…'}" for key, value in told.items()]
    print("  " + "  ".join(words), flush=True)


def run_part(part: Part, device: str, record: Record, work: Path = WORK) -> str:
    """Run a part in another process, and keep every row as it comes; return what it came to."""
    from synthcli.children import Children

    print(f"{part.name}: {part.finds}", flush=True)
    record.begin(part.name)
    began, limit, log = time.monotonic(), PATIENCE * part.seconds, work / f"{part.name}.log"
    command = [sys.executable, str(Path(__file__)), "--device", device, "--part", part.name]
    command += ["--work", str(work)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with log.open("wb") as errors, Children() as children:
        process = children.start(command, stdout=PIPE, stderr=errors, env=environment, cwd=ROOT)
        timer = Timer(limit, process.kill)
        timer.start()
        for row in read_rows(process.stdout):
            record.add(part.name, row)
            show(row)
        code, is_late = process.wait(), timer.finished.is_set()
        timer.cancel()
    problem = None
    if is_late:
        problem = f"it was ended after {limit} s"
    elif code:
        problem = f"it ended with code {code}: {log.read_text(errors='replace').strip()[-TAIL:]}"
    result = record.end(part.name, problem, time.monotonic() - began)
    if told := record.parts[part.name].get("problem"):
        print(f"  problem: {told}", flush=True)
    return result


def read_rows(stream: IO[bytes] | None) -> Iterator[Row]:
    """Yield rows as a part writes them, a line of JSON each."""
    assert stream is not None
    for line in stream:
        with suppress(ValueError):  # a line that was cut off by the end of its process
            yield json.loads(line)


def do_part(name: str, kind: str, work: Path) -> int:
    """Do a part in this process, and write its rows; what fails is a row, and its traceback in the log."""
    rows = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no row
    import torch

    from benchmarks.gpu.parts import Bench

    device = torch.device(kind, torch.cuda.current_device()) if kind == "cuda" else torch.device(kind)
    folder = work / "parts" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ |= {"SYNTH_RUNS": str(folder / "runs"), "SYNTH_STORES": str(work / "stores")}
    try:
        for row in PARTS[name].work()(Bench(device, folder)):
            rows.write(json.dumps(row) + "\n")
            rows.flush()
    except Exception as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
        rows.write(json.dumps({"result": FAILED, "reason": reason}) + "\n")
    rows.flush()
    return 0


def list_parts() -> int:
    for part in PARTS.values():
        print(f"{part.name:14} {part.seconds:4} s planned   {part.finds}")
    print(f"{'':14} {sum(part.seconds for part in PARTS.values()):4} s")
    return 0


def run_parts(parts: list[Part], device: str, work: Path) -> int:
    """Build, run every part, say what came of it; return the exit code."""
    import torch

    from benchmarks.gpu import machine
    from synthcli.errors import SynthError

    began, told = time.monotonic(), machine.describe(torch.device(device))
    path = RESULTS / f"{machine.slug(told['device'])}.json" if device == "cuda" else work / "cpu.json"
    shutil.rmtree(work / "stores", ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    record = Record(path, told)
    show(told)
    try:
        record.machine["build"] = build(work / "libraries", device)
    except SynthError as error:  # parts that need no kernel have their say
        record.machine["build"] = {"problem": str(error)}
    show(record.machine["build"])
    outcomes = {part.name: run_part(part, device, record, work) for part in parts}
    failed = [name for name, outcome in outcomes.items() if outcome != PASSED]
    print(f"wrote {path}")
    verdict = f"FAILED: {', '.join(failed)}" if failed else "passed"
    print(f"{verdict}, {time.monotonic() - began:.0f} s")
    return 1 if failed or "problem" in record.machine["build"] else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", metavar="PARTS", help="names with commas between them")
    parser.add_argument("--list", action="store_true", help="name the parts")
    parser.add_argument("--work", type=Path, default=WORK, help="where to build and to train")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # of the process that does one
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.list:
        return list_parts()
    if options.part:
        return do_part(options.part, options.device, options.work)
    try:
        parts = choose(options.only)
    except KeyError as error:
        return refuse(f"{error} is no part: {', '.join(PARTS)}")
    wanted = needs.BARE if all(part.is_bare for part in parts) else needs.requirements()
    if (todo := needs.install_from(WHEELS, options.work / "packages", wanted)) is not None:
        return refuse(todo)
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        return refuse(
            "torch sees no CUDA device; run this on a machine that has one (`--device cpu` is a rehearsal)"
        )
    return run_parts(parts, options.device, options.work.resolve())


if __name__ == "__main__":
    raise SystemExit(main())
