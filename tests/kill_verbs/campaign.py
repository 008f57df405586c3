"""The kills of one verb: what it does undisturbed, each kill and its checks, the comparison at the end."""

import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from synthcli.__main__ import main as synth
from tests.kill_verbs.contents import Contents, changes, differences, snapshot
from tests.kill_verbs.looks import halves, look
from tests.kill_verbs.trial import RAISED, Ended, Kill, draw_kill, run
from tests.kill_verbs.verbs import Verb, Words

GRACEFUL = (0, 130)
REAL = 0.12  # of the kills of a verb that needs no patch are of a Python of its own


@dataclass
class Places:
    """The template, the box that each command works in, and where its output goes."""

    template: Path
    box: Path
    logs: Path

    def renew(self) -> None:
        shutil.rmtree(self.box, ignore_errors=True)
        shutil.copytree(self.template, self.box, symlinks=True)


@dataclass
class Campaign:
    """Kills of one verb; `problems` is a line for each."""

    name: str
    verb: Verb
    places: Places
    before: dict[str, bytes]
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    completed: int = 0
    problems: list[str] = field(default_factory=list)
    expected: dict[str, Contents] = field(default_factory=dict)
    volatile: dict[str, frozenset[str]] = field(default_factory=dict)
    seconds: float = 0.0
    real_seconds: float = 0.0
    events: int = 0

    @property
    def is_real(self) -> bool:
        return "real" in self.name

    def work(self, words: Words, is_real: bool) -> Callable[[], None]:
        """Return what a forked process does to be the command."""

        def command() -> None:
            self.verb.patch()
            sys.argv = ["synth", *words]
            if is_real:
                os.execv(sys.executable, [sys.executable, "-m", "synthcli", *words])
            signal.signal(signal.SIGINT, signal.default_int_handler)
            synth()

        return command

    def prepare(self) -> None:
        """Carry out the command twice undisturbed: how long it takes, and what it comes to."""
        outcomes = []
        for _ in range(2):
            self.places.renew()
            count = self.places.logs / "events"
            count.write_text("0")
            ended = run(
                self.work(self.verb.words, self.is_real), self.places.box, self.places.logs, events=count
            )
            if ended.code or ended.left:
                raise SystemExit(f"{self.name} ended with {ended.code}, {ended.left}\n{ended.err}")
            self.seconds, self.events = ended.seconds, int(count.read_text())
            outcomes.append(self.found())
        first, self.expected = outcomes
        for group in first.keys() | self.expected.keys():
            one, other = first.get(group, {}), self.expected.get(group, {})
            self.volatile[group] = frozenset(differences(one, other, frozenset()))

    def found(self) -> dict[str, Contents]:
        """Return what is new in the box by name and settings of a run; several that differ are numbered."""
        groups: dict[str, Contents] = {}
        for group, contents in changes(self.places.box, self.before).items():
            name, number = name_of(group, contents), 2
            own = {
                key: value for key, value in contents.items() if not key.startswith("environment.json#sess")
            }
            while name in groups and groups[name] != own:
                name, number = f"{name_of(group, contents)} ({number})", number + 1
            groups[name] = own
        return groups

    def kill(self, number: int) -> None:
        """Kill so many times; begin anew where it came to its end, and compare."""
        self.places.renew()
        done = misses = 0
        while done < number and misses < 10 * number + 20:
            words = self.verb.again(self.places.box, self.verb.words)
            if words is None:
                self.finish()
                continue
            may_be_real = not self.is_real and self.verb.is_plain and self.chance.random() < REAL
            ended, kill = self.one(words, self.is_real or may_be_real)
            misses += not ended.is_killed
            done += ended.is_killed
            if ended.is_killed:
                how = kill.number.name + (" of all" if "and all" in ended.victim else "")
                how += "" if ended.victim.startswith("the command") else " of a worker"
                self.kills[how + (", real" if may_be_real or self.is_real else "")] += 1
            self.check(ended, kill, words)
            if not ended.is_killed:
                self.finish()
        self.finish()

    def one(self, words: Words, is_real: bool) -> tuple[Ended, Kill]:
        """Carry the command out, and kill it."""
        seconds = self.seconds
        if is_real and not self.is_real:
            seconds = self.real_seconds = self.real_seconds or self.measured(words)
        events = self.events if self.verb.by_event and not is_real else 0
        kill = draw_kill(self.chance, seconds, events, self.verb.has_workers)
        if (
            is_real and kill.number == signal.SIGINT
        ):  # Python itself would tell where it is interrupted at its start
            kill = Kill(kill.seconds, None, signal.SIGTERM, kill.is_for_worker)
        return run(self.work(words, is_real), self.places.box, self.places.logs, kill), kill

    def measured(self, words: Words) -> float:
        """Return how long a Python of its own takes to begin, and the command."""
        nothing = self.work(("presets", "show", "teacher.toml"), is_real=True)
        return self.seconds + run(nothing, self.places.box, self.places.logs).seconds

    def check(self, ended: Ended, kill: Kill, words: Words) -> None:
        """Note what is wrong after a kill, with what others make of what is left."""
        about = f"{self.name}: `synth {' '.join(words)}`, {ended.victim}, code {ended.code}"
        if ended.left:
            self.note(f"{about}: left running: {ended.left}")
        if ended.has_trace or ended.code == RAISED or ended.code == RAISED + 1:
            self.note(f"{about}: raised or hung\n{ended.err[-3000:]}")
        allowed = self.codes(ended, kill)
        if ended.code not in allowed:
            self.note(f"{about}: expected one of {allowed}\n{ended.err[-1500:]}")
        if wrong := halves(self.expected[""], self.found().get("", {}), self.volatile[""]):
            self.note(f"{about}: half made: {wrong[:5]}")
        verb = (
            "train"
            if self.verb.words[0] in ("reproduce", "compare", "tune", "claims")
            else self.verb.words[0]
        )
        looked = run(lambda: look(verb), self.places.box, self.places.logs)
        if looked.code:
            self.note(f"{about}: misread\n{looked.err[-2000:]}")

    def codes(self, ended: Ended, kill: Kill) -> tuple[int, ...]:
        if ended.victim == "nobody":
            return (0,)
        if not ended.victim.startswith("the command"):
            return (0, 1, 130)
        if kill.number == signal.SIGKILL:
            return (-signal.SIGKILL,)
        return (*GRACEFUL, -kill.number, -signal.SIGINT)  # as Python ends where it was in code of a library

    def finish(self) -> None:
        """Bring the command to its end, compare with what it comes to undisturbed, and begin anew."""
        words = self.verb.again(self.places.box, self.verb.words)
        if words is not None:
            ended = run(self.work(words, self.is_real), self.places.box, self.places.logs)
            if ended.code or ended.has_trace:
                text = f"`synth {' '.join(words)}` afterwards ended with {ended.code}\n{ended.err[-2500:]}"
                self.note(f"{self.name}: {text}")
        found = self.found()
        for group in found.keys() | self.expected.keys():
            name = group.partition(" (")[0]  # of several runs each is to be the same
            expected, own = self.expected.get(name, {}), found.get(group, {})
            if differing := differences(expected, own, self.volatile.get(name, frozenset())):
                first = [str(one.get(differing[0]))[:80] for one in (expected, own)]
                self.note(
                    f"{self.name}: {group or 'beside runs'} differs in the end: {differing[:6]}, "
                    f"the first is {' and not '.join(reversed(first))}"
                )
        self.completed += 1
        self.places.renew()

    def note(self, problem: str) -> None:
        self.problems.append(problem)
        sys.stdout.write(problem.rstrip() + "\n")
        sys.stdout.flush()


def name_of(group: str, contents: Contents) -> str:
    """Return the name of a run and a digest of its settings: all arms of a comparison may have one name."""
    settings = contents.get("preset.toml")
    digest = f" {sha256(settings).hexdigest()[:6]}" if isinstance(settings, bytes) else ""
    return group.partition("/")[0] + digest


def begin(name: str, verb: Verb, places: Places, seed: int) -> Campaign:
    """Return the campaign of a verb, its command having been carried out undisturbed."""
    campaign = Campaign(name, verb, places, snapshot(places.template), random.Random(f"{seed} {name}"))
    campaign.prepare()
    return campaign
