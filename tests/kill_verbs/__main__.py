"""Kill every verb at random moments, bring it to its end, and compare it with one never killed.

    python -m tests.kill_verbs --kills 300 --seed 0

SIGKILL, SIGTERM and SIGINT go to the command or to a process that it started; half of the SIGKILLs come at a
random file operation of the command, which hits the midst of a write for certain. Commands are forked from
this process, which has imported what they need, or are Pythons of their own. After each kill nothing may be
left running, nothing half made may have a name, and all that has one must be readable; the same command
again, or `--resume`, must come to the same bytes but for clocks.
"""

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from math import ceil
from pathlib import Path

from tests.kill_verbs import world
from tests.kill_verbs.campaign import Campaign, Places, begin
from tests.kill_verbs.trial import run
from tests.kill_verbs.verbs import VERBS, WEIGHTS, Verb

QUIET = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


def import_all(names: Iterable[str]) -> None:
    """Load what a process has loaded, once for all; nothing is computed here, so no thread is lost."""
    import torch

    torch.set_num_threads(1)  # as the Pythons of their own have: sums of several threads have other bits
    for name in names:
        with suppress(Exception):  # what is no module by its name
            import_module(name)


def prepare(place: Path, has_models: bool) -> Places:
    """Make the template by the commands themselves, in a process of its own."""
    places = Places(place / "template", place / "box", place / "logs")
    places.logs.mkdir()
    places.box.mkdir()
    (place / "home").mkdir()
    loaded = places.logs / "loaded"

    def make() -> None:
        world.make(places.box, has_models)
        loaded.write_text("\n".join(list(sys.modules)))

    made = run(make, places.box, places.logs)
    if made.code:
        raise SystemExit(f"no template could be made:\n{made.out}{made.err}")
    import_all(loaded.read_text().split("\n"))
    gc.freeze()  # else every collection of a child copies all of this
    places.box.rename(places.template)
    return places


def chosen(only: str | None) -> dict[str, Verb]:
    """Return the verbs named exactly, or all."""
    if not only:
        return VERBS
    return {name: VERBS[name] for name in only.split(";")}


def report(campaigns: list[Campaign], seconds: float) -> int:
    """Print a line a verb and the totals; return the exit code."""
    total: Counter[str] = Counter()
    for one in campaigns:
        hows = ", ".join(f"{number} {how}" for how, number in sorted(one.kills.items()))
        line = f"{one.name:36}{one.kills.total():4} kills, {one.completed:3} ends compared"
        volatile = sum(len(keys) for keys in one.volatile.values())
        compared = sum(len(keys) for keys in one.expected.values()) - volatile
        sys.stdout.write(
            f"{line} of {compared:4} entries ({volatile} clocks), {len(one.problems)} problems: {hows}\n"
        )
        total += one.kills
    problems = sum(len(one.problems) for one in campaigns)
    hows = ", ".join(f"{number} {how}" for how, number in sorted(total.items()))
    sys.stdout.write(f"{total.total()} kills, {problems} problems, {seconds:.0f} s: {hows}\n")
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="names of verbs, with semicolons between")
    parser.add_argument("--clocks", action="store_true", help="name what two undisturbed commands differ in")
    asked = parser.parse_args()
    os.environ.update(QUIET)
    began, verbs, campaigns = time.monotonic(), chosen(asked.only), list[Campaign]()
    has_models = any(verb.needs_models for verb in verbs.values())
    place = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        places = prepare(place, has_models)
        for name, verb in verbs.items():
            campaign = begin(name, verb, places, asked.seed)
            campaigns.append(campaign)
            made = ", ".join(sorted(campaign.expected.keys() - {""})) or "no run"
            sys.stdout.write(f"{name}: {campaign.seconds:.1f} s, {campaign.events} writes, {made}\n")
            sys.stdout.flush()
            if asked.clocks:
                sys.stdout.write(f"{name}: {[sorted(keys) for keys in campaign.volatile.values()]}\n")
            share = WEIGHTS.get(name, 1.0) / sum(WEIGHTS.get(one, 1.0) for one in verbs)
            campaign.kill(ceil(asked.kills * share))
            sys.stdout.write(f"{name}: {campaign.kills.total()} kills, {time.monotonic() - began:.0f} s\n")
            sys.stdout.flush()
        return report(campaigns, time.monotonic() - began)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    sys.exit(main())
