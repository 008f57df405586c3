"""Let one of several processes of a training fail, and time until the command ends.

    python -m tests.ranks --runs 10 --processes 2 4

Real trainings over gloo. A process, chosen by chance, fails at once, in the midst of a step, by an exit, by
SIGKILL at a random moment or in a step, or for want of memory, its own processor's or a GPU's; once while
all others are blocked within C, as in a GPU's all-reduce. The command has to end within ten seconds, with one
message that is of that process, and nothing may be left running.
"""

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

from tests.ranks.trial import FAULTS, Ended, attempt, prepare


def row(fault: str, processes: int, ended: list[Ended]) -> str:
    seconds = [one.seconds for one in ended]
    problems = sum(bool(one.problems) for one in ended)
    figures = f"{statistics.median(seconds):8.2f}{max(seconds):8.2f}{problems:10}"
    return f"{fault:16}{processes:10}{len(ended):6}{figures}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--faults", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance, problems = random.Random(asked.seed), 0
    sys.stdout.write(f"{'fault':16}{'processes':>10}{'runs':>6}{'median':>8}{'longest':>8}{'problems':>10}\n")
    with tempfile.TemporaryDirectory(prefix="ranks-") as name:
        prepare(Path(name))
        for fault in asked.faults:
            for processes in asked.processes:
                ended = [attempt(Path(name), fault, processes, chance) for _ in range(asked.runs)]
                sys.stdout.write(row(fault, processes, ended))
                for one in (one for one in ended if one.problems):
                    problems += 1
                    sys.stdout.write(f"    {'; '.join(one.problems)}\n{one.said}\n")
                sys.stdout.flush()
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
