"""Refuse writes of every verb, one at a time, and see that nothing is lost, misread or left as a traceback.

    python -m tests.faults.inject --faults 400 --seed 0

Each verb is carried out once on a disk that counts the calls that change it. Then it is carried out again and
again, each time with another of these calls refused: a full disk, a used-up share, a read-only one, missing
rights, a broken one, no locks, too many open files. A refused command has to end with 1 or 2 and one message;
what was whole stays the same bytes; no file or folder that is half written bears a name that is read; and the
same command on a sound disk then comes to what it would have come to. Where a disk cannot link or sync, a
command goes on without.
"""

import argparse
import errno
import faulthandler
import random
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch

from tests.faults.injector import REFUSES, SENT, Disk, watched
from tests.faults.judging import RUN, Contents, bytes_by_name, contents, half_there, names
from tests.faults.verbs import VERBS, Place, Said, at, prepared, synth

SECONDS = 300  # that no command takes
WITHOUT = "the training goes on without it"  # a tracker
REMOVING = tuple(verb for verb in VERBS if " rm" in verb)
TOLERATED = (errno.EINVAL, errno.EPERM)  # what is refused so is done without


@dataclass(frozen=True)
class Whole:
    """What a verb comes to on a sound disk, and which calls it takes."""

    contents: Contents
    changed: dict[str, bytes]  # files there were before, as they are afterwards
    calls: list[tuple[str, str]]


@dataclass(frozen=True)
class Fault:
    """One refusal: the error, and which of the calls it answers."""

    verb: str
    number: int
    at: int

    def __str__(self) -> str:
        return f"{self.verb}: {errno.errorcode[self.number]} at {self.at}"


class Bench:
    """A folder with models and texts, put back as it was before every command."""

    def __init__(self, folder: Path) -> None:
        self.place: Place = prepared(folder / "work")
        self.kept = folder / "kept"
        shutil.copytree(self.place.root, self.kept, symlinks=True)
        self.before = bytes_by_name(self.place.root)

    @property
    def root(self) -> Path:
        return self.place.root

    def reset(self, verb: str) -> None:
        shutil.rmtree(self.root)
        shutil.copytree(self.kept, self.root, symlinks=True)
        self.place.begin(verb)

    def carry_out(self, verb: str, disk: Disk) -> Said:
        return self.said(self.place.words(verb), disk)

    def said(self, words: list[str], disk: Disk) -> Said:
        faulthandler.dump_traceback_later(SECONDS, exit=True)  # it waits for a lock that nobody lets go of
        try:
            with at(self.root), watched(disk):
                return synth(*words, out=SENT)
        finally:
            faulthandler.cancel_dump_traceback_later()  # else it ends whatever runs here by then

    def whole(self, verb: str) -> Whole:
        """Carry out a verb on a sound disk."""
        self.reset(verb)
        disk = Disk(self.root)
        said = self.carry_out(verb, disk)
        if said.code != 0:
            raise SystemExit(f"{verb} fails without a fault:\n{said.err}")
        after = bytes_by_name(self.root)
        changed = {name: after.get(name, b"") for name, old in self.before.items() if after.get(name) != old}
        return Whole(contents(self.root), changed, disk.calls)

    def tried(self, fault: Fault, whole: Whole) -> tuple[list[str], str]:
        """Refuse a verb one call, then none; return what is wrong, and which call that was."""
        self.reset(fault.verb)
        disk = Disk(self.root, fault.number, fault.at)
        wrong = []
        try:
            said = self.carry_out(fault.verb, disk)
        except Exception as error:  # it would be a traceback
            return [f"{type(error).__name__}: {error}"], str(disk.refused)
        wrong += misspoken(said, fault)
        wrong += lost(self.before, bytes_by_name(self.root), whole)
        wrong += half_there(self.root, self.before, whole.contents)
        if said.code != 0 and fault.verb in REMOVING:
            wrong += torn(self.before, bytes_by_name(self.root), whole)
            wrong += self.removed_after(said, fault.verb)
            wrong += self.left(whole)
        elif said.code != 0:
            again = self.carry_out(fault.verb, Disk(self.root))
            named = re.search(r"`--name .* is taken .*`synth (train --resume .*)`", again.err, re.DOTALL)
            if named is not None:
                again = self.said(shlex.split(named[1]), Disk(self.root))
            is_there = "standard output" in said.err and re.search("`.*` exists( already)?\n", again.err)
            if again.code and not is_there:  # where the result could not be shown, the work is done
                wrong.append(f"the same command again fails: {again.err}")
        if not wrong:
            missing = {name for name, _ in whole.contents - contents(self.root)}
            if WITHOUT in said.err:
                missing = {name for name in missing if "/tensorboard/" not in name}
            wrong += [f"{name} is not as without the fault" for name in sorted(missing)]
        return wrong, str(disk.refused)

    def removed_after(self, said: Said, verb: str) -> list[str]:
        """Give the command that the hint of a refused removal names, then the rest; return what is wrong."""
        named = re.search(r"`(synth \w+ rm .*?)`", said.err.partition("hint: ")[2])
        if named is None:  # all that was to go is gone, and could not be shown
            return [] if "standard output" in said.err else [f"no command is named: {said.err}"]
        first = shlex.split(named[1])[1:]
        again = self.said([*first, "--yes"], Disk(self.root))
        wrong = [f"`{named[1]}` fails: {again.err}"] if again.code else []
        what = [word for word in self.place.words(verb)[2:] if (self.root / word).exists()]
        if what:
            rest = self.said([*first[:2], *what, "--yes"], Disk(self.root))
            wrong += [f"the rest stays: {rest.err}"] if rest.code else []
        return wrong

    def left(self, whole: Whole) -> list[str]:
        """Return what a removal was to remove, and has not, and the rest of what is half removed."""
        gone = {name for name in self.before if name in whole.changed and not whole.changed[name]}
        hidden = [str(path.relative_to(self.root)) for path in self.root.rglob(".unfinished-*")]
        return [f"{name} is still there" for name in sorted(gone & set(names(self.root)))[:1] + hidden]


def torn(before: dict[str, bytes], after: dict[str, bytes], whole: Whole) -> list[str]:
    """Return the folders that a removal took a part of, and left under their names."""
    gone = {name for name in before if name in whole.changed and not whole.changed[name]}
    parts: dict[str, set[bool]] = {}
    for name in gone:
        parts.setdefault("/".join(name.split("/")[: 3 if name.startswith("runs/") else 2]), set()).add(
            name in after
        )
    return [f"{folder} is half removed" for folder, found in sorted(parts.items()) if len(found) > 1]


def misspoken(said: Said, fault: Fault) -> list[str]:
    """Return what is wrong with how a command ended."""
    if said.code == 0:
        return [f"it works, and says: {said.err}"] if "Traceback" in said.err else []
    errors, hints = (said.err.count(f"{word}: ") for word in ("error", "hint"))
    wrong = [] if said.code in (1, 2) else [f"the exit code is {said.code}"]
    if "Traceback" in said.err or (errors, hints) != (1, 1):
        wrong.append(f"{errors} messages and {hints} hints: {said.err}")
    if fault.number in TOLERATED:
        wrong.append(f"it is not done without: {said.err}")
    return wrong


def lost(before: dict[str, bytes], after: dict[str, bytes], whole: Whole) -> list[str]:
    """Return the files that were whole before and are so no longer, unless that is what the verb does."""
    wrong = []
    for name, content in before.items():
        found = after.get(name)
        if found == content or name.endswith(".jsonl"):  # read up to a line cut short
            continue
        if name not in whole.changed:
            wrong.append(f"{name} was {'changed' if found else 'lost'}")
        elif found is None and whole.changed[name]:
            wrong.append(f"{name} is gone")
    return wrong


def faults_of(verb: str, whole: Whole, chance: random.Random, count: int) -> list[Fault]:
    """Draw faults of a verb: each error of the system in turn, at calls that it answers."""
    calls = Counter(kind for kind, _ in whole.calls)
    sites = {number: sum(calls[kind] for kind in kinds) for number, kinds in REFUSES.items()}
    drawn: list[Fault] = []
    every = [number for number in sites if sites[number]]
    chance.shuffle(every)
    while len(drawn) < count and len(drawn) < sum(sites.values()):
        number = every[len(drawn) % len(every)]
        fault = Fault(verb, number, chance.randint(1, sites[number]))
        drawn.append(fault)
    return list(dict.fromkeys(drawn))


def main(faults: int, seed: int, verbs: list[str]) -> None:
    torch.set_num_threads(1)
    chance, begun = random.Random(seed), time.monotonic()
    refused, wrong = Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        for verb in verbs:
            whole = bench.whole(verb)
            for fault in faults_of(verb, whole, chance, -(-faults // len(verbs))):
                said, call = bench.tried(fault, whole)
                refused[errno.errorcode[fault.number]] += 1
                wrong += [f"{fault}, {call}: {one}" for one in said]
                sys.stdout.write("".join(f"WRONG {fault}, {RUN.sub('RUN', call)}: {one}\n" for one in said))
                sys.stdout.flush()
            sys.stdout.write(f"{verb}: {len(whole.calls)} calls\n")
            sys.stdout.flush()
    each = ", ".join(f"{count} {name}" for name, count in sorted(refused.items()))
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{refused.total()} faults over {len(verbs)} verbs ({each}), {seconds:.0f} s, ")
    sys.stdout.write(f"{len(wrong)} wrong\n")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbs", nargs="*", default=list(VERBS), metavar="VERB")
    main(**vars(parser.parse_args()))
