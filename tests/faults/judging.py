"""What a folder holds, so that two of them can be compared, and what in it is only half there."""

import csv
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

from synthcli.atomic_files import follow_link
from synthcli.data.store.manifest import MANIFEST
from synthcli.data.store.store import open_store
from synthcli.errors import SynthError
from synthcli.training.checkpoints import WEIGHTS, load_checkpoint
from synthcli.training.manifest import read_checkpoint_manifest, verify
from tests.faults.injector import SENT

RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")  # a run's id is the time
CLOCKS = {  # keys of JSON whose values another run has otherwise
    "evaluation_id",
    "retrieved_timestamp",
    "seconds", "time", "created", "latency", "cost", "milliseconds", "relative_to_first", "step_time", "host",
    "clock", "peak_memory", "peak_gpu_memory",
}  # fmt: skip
TIMED = re.compile(
    r"(timings\.jsonl|environment\.json|finished\.json|reproduce-\w+\.md|report\.(md|html)|.*\.(png|svg)|events\.out\..*)$"
)
EVENTS = re.compile(
    r"(?<=events\.out\.tfevents)\.[^/]*$|(?<=/tensorboard/)\d+\.\d+(?=/)"
)  # when, and by whom

Contents = set[tuple[str, str]]


def contents(root: Path) -> Contents:
    """Return name and digest of every file that is not hidden; no run's id and no clock is in either."""
    return {(title_of(name), digest(root / name)) for name in names(root)}


def title_of(name: str) -> str:
    """Return the name of a file without what two equal commands call differently."""
    return EVENTS.sub("", RUN.sub("RUN", name))


def names(root: Path) -> list[str]:
    """Return the files and links below a folder, but for hidden ones and what was printed."""
    found = [path for path in root.rglob("*") if path.is_symlink() or path.is_file()]
    inside = [path.relative_to(root) for path in found]
    hidden = {path for path in inside if any(part.startswith(".") for part in path.parts)}
    return sorted(str(path) for path in set(inside) - hidden if path.parts[0] != "tmp" and str(path) != SENT)


def digest(path: Path) -> str:
    """Return what a file says, without what two equal commands say differently."""
    if path.is_symlink() or path.name in ("last", "best"):
        return f"link to {RUN.sub('RUN', follow_link(path).name)}"
    content = path.read_bytes()
    if TIMED.match(path.name):
        return "there" if content else "empty"
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(RUN.sub("RUN", content.decode()), newline=""), strict=True))
        content = json.dumps([without_clocks(row) for row in rows]).encode()
    if path.suffix in (".json", ".jsonl", ".toml", ".md", ".txt", ".py", ".yml"):
        text = RUN.sub("RUN", content.decode())
        if path.suffix == ".json":
            text = json.dumps(without_clocks(json.loads(text)), sort_keys=True)
        content = text.encode()
    return hashlib.sha256(content).hexdigest()


def without_clocks(table: Any) -> Any:
    if isinstance(table, dict):
        return {key: without_clocks(value) for key, value in table.items() if key not in CLOCKS}
    return [without_clocks(value) for value in table] if isinstance(table, list) else table


def bytes_by_name(root: Path) -> dict[str, bytes]:
    """Return every file as it is; a link is where it leads to."""
    return {
        name: str((root / name).readlink()).encode()
        if (root / name).is_symlink()
        else (root / name).read_bytes()
        for name in names(root)
    }


def half_there(root: Path, before: dict[str, bytes], whole: Contents) -> list[str]:
    """Return what looks whole and is not: new files unlike those of a whole command, and broken folders."""
    wrong = []
    known = dict(whole)
    for name in names(root):
        path, title = root / name, title_of(name)
        if path.suffix == ".jsonl":
            wrong += [] if lines_are_whole(path) else [f"{name} has a line cut short within"]
        elif (root / name).is_symlink() or before.get(name) == path.read_bytes():
            continue
        elif not is_readable(path):
            wrong.append(f"{name} cannot be read")
        elif name not in before and title not in known and "/step-" not in name:  # a checkpoint let go of
            wrong.append(f"{name} is new, and no whole command writes it")
    return wrong + broken(root)


def lines_are_whole(path: Path) -> bool:
    """Whether all lines but the last are JSON: readers drop a last one that a fault cut short."""
    for line in path.read_text().split("\n")[:-1]:
        try:
            json.loads(line)
        except ValueError:
            return False
    return True


def is_readable(path: Path) -> bool:
    try:
        digest(path)
    except ValueError:
        return False
    return True


def broken(root: Path) -> list[str]:
    """Return the folders that bear the name of a checkpoint or a store, and are none."""
    wrong = []
    visible = [path for path in root.rglob("*") if path.is_dir() and "/." not in str(path)]
    for folder in visible:
        try:
            is_model = all((folder / name).is_file() for name in (WEIGHTS, MANIFEST))
            if folder.name.startswith("step-") or is_model:
                verify(folder, read_checkpoint_manifest(folder).files)
                load_checkpoint(folder)
            elif folder.parent.name == "stores" or (folder / "quality.json").is_file():
                open_store(folder)
        except SynthError as error:
            wrong.append(error.message)
    return wrong
