"""Cases: a command and one thing wrong with its words, its files or its variables; and the verdict."""

import os
import random
import re
import shutil
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.hostile.commands import COMMANDS, KINDS, VARIABLES, Command
from tests.hostile.files import DAMAGES
from tests.hostile.running import NOT_ENDED, RAISED, Ended, run

MAY_BE_NEW = ("out", "runs", "stores", "imported", "home", "kernels", "reports")
MAY_CHANGE = ("environment.json", "journal.jsonl", "timings.jsonl", ".lock", ".verified.json", "quality.json")
LOOKS = re.compile(r"\x1b\[[\d;]*m")  # colours and weights, and nothing else that commands a terminal
LONGEST = 8_000  # characters of a message
# Names of runs, clocks, rates; and sizes: what `.lock` and `finished.json` hold is read by nobody, so that a
# run with a link or a terabyte of nothing in their place is the same run, of another size.
CHANGING = re.compile(
    r"[\d.,]+ (bytes|[KMG]iB)\b|\d{8}-\d{6}-[0-9a-f]{4}|[\d.,]+ s\b|\d+\.\d+\s*$|"
    r"\"(seconds|time|created)\": \S+|[\d,.]+ [kMG]?i?B/s",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Case:
    """One command; `what` is an option, a word, a file or the variables, `how` what is wrong with it."""

    command: str
    kind: str
    what: str = ""
    how: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        words = COMMANDS[self.command].words
        if self.kind == "option":
            return (*words, f"{self.what}={self.how}")
        if self.kind == "word":
            place = int(self.what)
            return (*words[:place], self.how, *words[place + 1 :])
        return words

    @property
    def variables(self) -> dict[str, str]:
        return VARIABLES[int(self.what)] if self.kind == "variables" else {}

    def __str__(self) -> str:
        return f"{self.command} | {self.kind} | {self.what} | {self.how[:60]!r}"


def every_case(template: Path) -> dict[str, list[Case]]:
    """Return all cases of every command."""
    return {name: list(cases_of(name, command, template)) for name, command in COMMANDS.items()}


def cases_of(name: str, command: Command, template: Path) -> list[Case]:
    found = [] if command.is_long else [Case(name, "plain")]
    for option, kind in command.options.items():
        found += [Case(name, "option", option, value) for value in KINDS[kind]]
    for place, kind in command.places.items():
        found += [Case(name, "word", str(place), value) for value in KINDS[kind]]
    for path in files_of(command, template):
        found += [Case(name, "file", path, damage) for damage in DAMAGES]
    ranks = [number for number, odd in enumerate(VARIABLES) if not command.is_long or "RANK" in odd]
    return found + [Case(name, "variables", str(number)) for number in ranks]


def files_of(command: Command, template: Path) -> list[str]:
    found = {path for pattern in command.read for path in template.glob(pattern) if path.is_file()}
    return sorted(str(path.relative_to(template)) for path in found)


def chosen(cases: dict[str, list[Case]], number: int, seed: int) -> list[Case]:
    """Return so many cases, equally many of every command as far as it has them."""
    rng = random.Random(seed)
    waiting = {name: rng.sample(found, len(found)) for name, found in cases.items()}
    picked: list[Case] = []
    while len(picked) < number and any(waiting.values()):
        picked += [found.pop() for found in waiting.values() if found]
    return picked[:number]


def refill(box: Path, template: Path) -> None:
    """Have the box as the template is, and odd things in it."""
    shutil.rmtree(box, ignore_errors=True)
    shutil.copytree(template, box, symlinks=True)
    os.mkfifo(box / "pipe")
    (box / "loop").symlink_to("loop")
    (box / "odd").mkdir()
    os.mkfifo(box / "odd" / "x.txt")
    (box / "odd" / "train.txt").symlink_to("/etc/hostname")
    Path(os.fsdecode(bytes(box / "odd") + b"/\xff.txt")).write_text("a\nb\n")


def happened(case: Case, box: Path, template: Path, logs: Path, seed: int) -> tuple[str, Ended]:
    """Carry out a case and return `worked`, `refused`, or what is wrong with how it ended."""
    refill(box, template)
    if case.kind == "file":
        DAMAGES[case.how](box / case.what, random.Random(f"{seed} {case}"))
    before = everything(box)
    words = tuple(store_in(box) if word == "STORE" else word for word in case.words)
    ended = run(words, case.variables, box, logs)
    return verdict(case, ended, before, everything(box)), ended


def store_in(box: Path) -> str:
    return str(next(iter(sorted((box / "stores").glob("text.*")))).relative_to(box))


def everything(box: Path) -> dict[str, tuple[int, int, int]]:
    """Return what every path below is, by its mode, size and time."""
    found = {}
    for path in sorted(box.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(box))] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return {
        name: (mode, 0, 0) if (box / name).is_dir() else (mode, size, time)
        for name, (mode, size, time) in found.items()
    }


def verdict(
    case: Case, ended: Ended, before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]
) -> str:
    """Evaluate how a command ended."""
    wrong = [
        *of_the_end(ended),
        *of_the_screen(ended, case.variables.keys() & {"FORCE_COLOR", "TERM"} == set()),
        *of_the_files(ended, before, after, COMMANDS[case.command].removes),
    ]
    if wrong:
        return "; ".join(wrong)
    return "worked" if ended.code == 0 else "refused"


def of_the_end(ended: Ended) -> list[str]:
    if ended.code == NOT_ENDED:
        return ["it did not end"]
    if ended.code == RAISED or "Traceback" in ended.err:
        return ["a traceback"]
    wrong = [] if ended.code in (0, 1, 2) else [f"the exit code {ended.code}"]
    return wrong + [f"{len(ended.left)} processes left running"] * bool(ended.left)


def of_the_screen(ended: Ended, is_plain: bool) -> list[str]:
    """What is wrong with what was printed; where it is not plain, a terminal that shows looks is there."""
    wrong = []
    printed = ended.out + ended.err
    printed = printed if is_plain else LOOKS.sub("", printed)
    commands = {c for c in printed if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
    if commands:
        wrong.append(f"the terminal is commanded: {sorted(commands)}")
    lines = ended.err.splitlines()
    errors, hints = (sum(line.startswith(word) for line in lines) for word in ("error: ", "hint: "))
    if ended.code in (1, 2) and (errors, hints) != (1, 1) and not is_help(ended):
        wrong.append(f"{errors} errors and {hints} hints")
    if len(ended.err) > LONGEST:
        wrong.append(f"a message of {len(ended.err)} characters")
    return wrong


def is_help(ended: Ended) -> bool:
    return "Usage: " in ended.out + ended.err


def of_the_files(
    ended: Ended,
    before: dict[str, tuple[int, int, int]],
    after: dict[str, tuple[int, int, int]],
    removes: str = "",
) -> list[str]:
    """What was lost, changed or left over; what a command removes may go, where it said that it did."""
    lost = [name for name in before if name not in after]
    if removes and ended.code == 0:
        lost = [name for name in lost if not fnmatch(f"{name}/", removes)]
    changed = [name for name in before if name in after and before[name] != after[name]]
    new = [name for name in after if name not in before]
    wrong = [f"lost {lost[:3]}"] * bool(lost)
    odd = [
        name
        for name in changed
        if Path(name).name not in MAY_CHANGE and Path(name).parts[0] not in ("out", "home")
    ]
    wrong += [f"changed {odd[:3]}"] * bool(odd and ended.code != 0)
    stray = [
        name
        for name in new
        if not Path(name).parts[0].startswith(MAY_BE_NEW) and Path(name).name not in MAY_CHANGE
    ]
    wrong += [f"left {stray[:3]}"] * bool(stray and ended.code != 0)
    half = [name for name in new if Path(name).name.startswith(".unfinished-")]
    return wrong + [f"half-written {half[:3]}"] * bool(half)


def result_of(ended: Ended) -> str:
    """Return what a command printed, without clocks and the names of runs."""
    return CHANGING.sub("", ended.out)
