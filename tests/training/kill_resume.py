"""Kill a training at random moments, resume it each time, and compare it with one never killed.

    python -m tests.training.kill_resume --kills 20 --seed 0 --what streams
    python -m tests.training.kill_resume --what skipless --device cuda

Half of the kills come from outside after a random time, the other half from within at a random file
operation (an open, a rename, a link, a removal): those hit the midst of a write for certain. At the end the
weights, moments, states of streams, journal, links and the set of checkpoints kept must be the same bytes.
On a GPU the trainings are `training.deterministic`, or `--free`: then bits may differ.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from synthcli.atomic_files import UNFINISHED
from synthcli.device import on_device
from synthcli.training.checkpoints import newest_checkpoint
from tests.killing import is_killed, kill_self_at
from tests.training.toy_streams import SRUPP, Periodic, model, stream_callbacks
from tests.training.toys import toy_batch, toy_callbacks, toy_config, toy_model, toy_train

SKIPLESS: dict[str, Any] = {"d_model": 32, "d_ff": 64, "block": "skipless", "mixer": {"heads": 2}}
CONFIG: dict[str, Any] = {"steps": 160, "save_every": 4, "evaluate_every": 8, "log_every": 3}
RADAM = {"kind": "radam", "decay": "all", "weight_decay": 0.1}
DEVICE = {"word": "cpu"}  # a child's: CUDA is not for a process that forks
FILE_EVENTS = {"open", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}


def train_rows(folder: Path, resume: Any) -> None:
    toy_train(toy_model(), toy_config(**CONFIG), callbacks=toy_callbacks(folder), resume=resume)


def train_skipless(folder: Path, resume: Any) -> None:
    """Fused attention and running sums: what has no one order of sums on a GPU by itself."""
    toy_train(toy_model(**SKIPLESS), toy_config(**CONFIG), callbacks=toy_callbacks(folder), resume=resume)


def train_streams(folder: Path, resume: Any) -> None:
    """SRU++ with dropout, RAdam, cosine; every other save is in the midst of an epoch of 8 segments."""
    examples = Periodic()
    toy_train(
        model(SRUPP),
        toy_config(**CONFIG, optimizer=RADAM, label_smoothing=0.0),
        examples=examples,
        batch=toy_batch(size=examples.streams, micro_size=2),
        callbacks=stream_callbacks(folder, examples),
        resume=resume,
    )


WORK: dict[str, Callable[[Path, Any], None]] = {
    "rows": train_rows,
    "streams": train_streams,
    "skipless": train_skipless,
}


def run(what: str, folder: Path, kill_at_event: int | None = None) -> None:
    """Train in this process, from the newest checkpoint if there is one."""
    resume = newest_checkpoint(folder / "checkpoints")
    if kill_at_event is not None:
        kill_self_at(kill_at_event, folder, FILE_EVENTS)
    with on_device(DEVICE["word"]):
        WORK[what](folder, resume)


def attempt(what: str, folder: Path, delay: float | None = None, kill_at_event: int | None = None) -> bool:
    """Run in a child; return whether it was killed."""
    return is_killed(partial(run, what, folder, kill_at_event), delay, "a resumed training failed")


def contents(folder: Path) -> dict[str, bytes | str]:
    """Every file and link that must not depend on kills."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = str(path.readlink())
        elif path.is_file() and path.name != "timings.jsonl":
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def main(kills: int, seed: int, what: str, device: str, free: bool) -> None:
    """Kill as often as asked; a training that reaches its end before that is compared, and another begun."""
    DEVICE["word"], CONFIG["deterministic"] = device, device != "cpu" and not free
    torch.set_num_threads(1)
    chance, begun = random.Random(seed), time.monotonic()
    done, midst, differing = 0, 0, list[str]()
    with tempfile.TemporaryDirectory() as name:
        whole, trainings = Path(name) / "whole", 0
        whole.mkdir()
        start = time.monotonic()
        attempt(what, whole)
        seconds, expected = time.monotonic() - start, contents(whole)
        while done < kills:
            trainings += 1
            killed = Path(name) / f"killed-{trainings}"
            killed.mkdir()
            while done < kills and attempt(what, killed, *a_moment(chance, kills, seconds)):
                done += 1
                midst += any(killed.rglob(UNFINISHED + "*"))
            attempt(what, killed)
            found = contents(killed)
            differing += [key for key in expected | found if expected.get(key) != found.get(key)]
    report = (
        f"{done} kills, {midst} in the midst of a write, of {trainings} trainings of {len(expected)} files"
    )
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{report}, {seconds:.0f} s\n" + "".join(f"differs: {key}\n" for key in differing))
    raise SystemExit(bool(differing))


def a_moment(chance: random.Random, kills: int, seconds: float) -> tuple[float | None, int | None]:
    """Return when to kill: after so many seconds, or at so many file operations."""
    if chance.random() < 0.5:
        return chance.uniform(0, 2 * seconds / kills), None
    return None, chance.randrange(1, 4000 // kills)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--what", choices=WORK, default="rows")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--free", action="store_true", help="not `training.deterministic`")
    main(**vars(parser.parse_args()))
