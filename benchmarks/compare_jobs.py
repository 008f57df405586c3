"""A comparison of six runs, two at a time beside one after the other: the ratio of their seconds.

    python benchmarks/compare_jobs.py [--jobs 2] [--rounds 1] [--threads 1] [--set KEY=VALUE …] [--json FILE]

`synth compare wmt14-vanilla wmt14-dense --scale smoke --seeds 3` with `--jobs 1` and `--jobs N`, in turn,
each in a fresh folder; the corpus is prepared before, once. Seconds are of the clock on the wall, medians
over rounds; nothing else should run. Without `--threads` a run has the threads that `synth` gives it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ARMS = ("wmt14-vanilla", "wmt14-dense")


def compare(asked: argparse.Namespace, jobs: int, stores: Path) -> tuple[float, list[dict[str, Any]]]:
    """Carry out the comparison in a fresh folder; return its seconds, and its runs."""
    settings = [word for one in asked.set for word in ("--set", one)]
    words = [
        "compare",
        *ARMS,
        "--scale",
        "smoke",
        "--seeds",
        str(asked.seeds),
        "--jobs",
        str(jobs),
        *settings,
    ]
    environment = {**os.environ, "SYNTH_STORES": str(stores)}
    environment.pop("SYNTH_RUNS", None)
    if asked.threads:
        environment["OMP_NUM_THREADS"] = str(asked.threads)
    with tempfile.TemporaryDirectory() as folder:
        command, quiet = [sys.executable, "-m", "synthcli", *words, "--json"], subprocess.PIPE
        began = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet, check=False)
        seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"`synth {' '.join(words)}` ended with {done.returncode}\n{done.stderr.decode()[-2000:]}")
    return seconds, json.loads(done.stdout)["runs"]


def prepare(asked: argparse.Namespace, stores: Path) -> None:
    """Prepare the corpus, and have Python compile what is loaded, by trainings of two steps."""
    steps = [one for one in asked.set if "training.steps" not in one] + ["training.steps=2"]
    compare(argparse.Namespace(**{**vars(asked), "seeds": 1, "set": steps}), 1, stores)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    taken: dict[int, list[float]] = {1: [], asked.jobs: []}
    values: dict[int, list[Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        prepare(asked, Path(folder))
        for _ in range(asked.rounds):
            for jobs, seconds in taken.items():
                one, runs = compare(asked, jobs, Path(folder))
                seconds.append(one)
                values[jobs] = [(run["arm"], run["seed"], run["values"]) for run in runs]
    medians = {jobs: statistics.median(seconds) for jobs, seconds in taken.items()}
    figures = {
        "runs": len(ARMS) * asked.seeds,
        "jobs": asked.jobs,
        "threads": asked.threads,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "seconds one at a time": round(medians[1], 1),
        f"seconds {asked.jobs} at a time": round(medians[asked.jobs], 1),
        "ratio": round(medians[1] / medians[asked.jobs], 3),
        "same figures": values[1] == values[asked.jobs],
    }
    print("\n".join(f"{name:24} {value}" for name, value in figures.items()))
    if asked.json:
        asked.json.write_text(json.dumps({**figures, "seconds": taken}, indent=2) + "\n")


if __name__ == "__main__":
    main()
