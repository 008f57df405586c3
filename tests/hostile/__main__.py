"""Give hostile inputs to every command: each works, or says one message, and leaves everything else alone.

python -m tests.hostile --cases 400 --seed 0
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from tests.hostile.cases import Case, chosen, every_case, happened, result_of
from tests.hostile.commands import COMMANDS
from tests.hostile.files import STRUCTURAL
from tests.hostile.world import make

PROGRESS = 50  # cases after which a line says how far it is
ABOUT_FILES = ("push", "corpora pack", "runs ls", "stores ls")  # they say what lies there
OUTCOMES = ("worked", "refused", "failed")
DEVOID = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "RUST_BACKTRACE": "0",
}


def prepared(place: Path) -> tuple[Path, Path, Path]:
    """Make a template once, by a child, and return it, the box that each case gets, and a folder for logs."""
    box, template, logs = place / "box", place / "template", place / "logs"
    box.mkdir()
    logs.mkdir()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(box)
            for number in (1, 2):
                os.dup2(os.open(logs / "made", os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
            make(box)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"no world could be made:\n{(logs / 'made').read_text()}")
    box.rename(template)
    return box, template, logs


def imports() -> None:
    """Load what the commands load, once for all children; nothing is computed here, so no thread is lost."""
    import datasets  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401

    import synthcli.__main__
    import synthcli.cli
    import synthcli.jobs.evaluate.evaluate
    import synthcli.jobs.train  # noqa: F401


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="commands that contain this, and all their cases")
    parser.add_argument("--keep", type=Path, help="a folder to make the world in, or to take it from")
    asked = parser.parse_args()
    os.environ.update(DEVOID)
    imports()
    place = asked.keep or Path(tempfile.mkdtemp(prefix="hostile-"))
    try:
        if (place / "template").is_dir():
            box, template, logs = place / "box", place / "template", place / "logs"
        else:
            place.mkdir(exist_ok=True)
            box, template, logs = prepared(place)
        cases = every_case(template)
        if asked.only:
            cases = {name: found for name, found in cases.items() if asked.only in name}
        return report(chosen(cases, asked.cases, asked.seed), box, template, logs, asked.seed)
    finally:
        if asked.keep is None:
            shutil.rmtree(place)


def report(cases: list[Case], box: Path, template: Path, logs: Path, seed: int) -> int:
    """Carry out cases, and print what failed and how many ended how."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    plain: dict[str, dict[int, str]] = {}
    for number, case in enumerate(cases, start=1):
        if number % PROGRESS == 0:
            sys.stderr.write(f"{number} of {len(cases)}\n")
        outcome, ended = happened(case, box, template, logs, seed)
        is_odd = outcome == "worked" and case.kind == "file" and case.how in STRUCTURAL and "/" in case.what
        if is_odd and is_read_otherwise(case, result_of(ended), plain, box, template, logs):
            outcome = "misread: what is printed differs from what the whole file gives"
        counts[case.command][outcome if outcome in OUTCOMES else "failed"] += 1
        if outcome not in OUTCOMES:
            sys.stdout.write(f"{case}\n  {outcome} (code {ended.code}, {ended.seconds:.1f} s)\n")
            sys.stdout.write("".join(f"  | {line[:300]}\n" for line in ended.err.splitlines()[-12:]))
            sys.stdout.flush()
    for name, found in counts.items():
        sys.stdout.write(f"{name:24}" + "".join(f"{found[word]:5} {word}" for word in OUTCOMES) + "\n")
    total = sum(counts.values(), Counter[str]())
    said = ", ".join(f"{total[word]} {word}" for word in OUTCOMES)
    sys.stdout.write(f"{said} of {sum(total.values())} cases, {len(counts)} commands\n")
    return 1 if total["failed"] else 0


def is_read_otherwise(
    case: Case, printed: str, plain: dict[str, dict[int, str]], box: Path, template: Path, logs: Path
) -> bool:
    """Whether a command printed something else than with every file whole: it read what it ought not to."""
    is_about_files = case.command in ABOUT_FILES or case.what.startswith(("words/", "pairs/"))
    if COMMANDS[case.command].is_long or is_about_files:
        return False
    if case.command not in plain:
        ended = [happened(Case(case.command, "plain"), box, template, logs, 0)[1] for _ in range(2)]
        plain[case.command] = steady_words(*map(result_of, ended))
    found = dict(enumerate(printed.split()))
    return any(found.get(number) != word for number, word in plain[case.command].items())


def steady_words(first: str, second: str) -> dict[int, str]:
    """Return the words that two runs of a command print alike, by their number: no clocks."""
    pairs = zip(first.split(), second.split(), strict=False)
    return {number: word for number, (word, other) in enumerate(pairs) if word == other}


if __name__ == "__main__":
    sys.exit(main())
