"""What a box holds that its template does not: to be the same whatever was killed on the way."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

Contents = dict[str, object]
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
PROBE = b"blat"  # Python's own, while it looks for a folder for temporary files
STEP = re.compile(r"checkpoints/step-\d+/")
# Two that are equal by chance are clocks all the same; the report of a reproduction tells times of steps.
CLOCK = re.compile(r"#(time|seconds|created|clock#\d+#1)$|#peak_\w+$|^report/.*\.(md|html)$")
SKIPPED = (".before", "home")  # whatever libraries keep there
CLOCKS = ("timings.jsonl", ".lock", ".verified.json")


def files(box: Path) -> dict[str, Path]:
    """Return every file and link by its path."""
    found = {}
    for path in sorted(box.rglob("*")):
        name = path.relative_to(box).as_posix()
        if name.partition("/")[0] not in SKIPPED and (path.is_symlink() or not path.is_dir()):
            found[name] = path
    return found


def read(path: Path) -> bytes:
    return str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()


def snapshot(box: Path) -> dict[str, bytes]:
    return {name: read(path) for name, path in files(box).items()}


def changes(box: Path, before: Mapping[str, bytes]) -> dict[str, Contents]:
    """Return what is new or other: by run the files below it, and under the empty name all else.

    A file of JSON or CSV is an entry for each of its values; ids of runs are left out, and so are clocks.
    """
    found: dict[str, Contents] = {"": {}}
    for name, path in files(box).items():
        content = read(path)
        is_probe = name.startswith("tmp/") and content == PROBE
        if before.get(name) == content or name.endswith(CLOCKS) or is_probe:
            continue
        match = re.match(rf"runs/([^/]+/{RUN_ID.pattern})/(.*)", name)
        is_new_run = match and not any(other.startswith(f"runs/{match[1]}/") for other in before)
        group, inner = (match[1], match[2]) if match and is_new_run else ("", RUN_ID.sub("<id>", name))
        into = found.setdefault(group, {})
        for key, value in entries(inner, content, box):
            into[key] = value
    for name in before.keys() - files(box).keys():
        found[""][f"{RUN_ID.sub('<id>', name)} is gone"] = True
    return found


def entries(name: str, content: bytes, box: Path) -> Iterator[tuple[str, object]]:
    """Yield a file as one entry, or as many as its JSON has values."""
    neutral = content.replace(str(box).encode(), b"<box>")
    if name.endswith(".json"):
        try:
            yield from flat(name, json.loads(RUN_ID.sub("<id>", neutral.decode())))
            return
        except ValueError:
            pass
    if name.endswith((".toml", ".md", ".csv", ".jsonl")):
        neutral = RUN_ID.sub("<id>", neutral.decode()).encode()
    if name.endswith(".csv"):
        rows = csv.DictReader(io.StringIO(neutral.decode(), newline=""), strict=True)
        yield from flat(name, list(rows))
        return
    yield name, neutral


def flat(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{name}#{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from flat(f"{name}#{number}", inner)
    else:
        yield name, value


def differences(expected: Contents, found: Contents, volatile: frozenset[str]) -> list[str]:
    """Return the keys that differ, but for those that two undisturbed commands differ in, too.

    An interrupted training saves one checkpoint more, in the place of another that is kept.
    """
    steps = [{match[0] for key in one if (match := STEP.match(key))} for one in (expected, found)]
    left_out = steps[0] ^ steps[1] if all(steps) and max(steps[0]) == max(steps[1]) else set()
    keys = {key for key in expected.keys() | found.keys() if key not in volatile and not CLOCK.search(key)}
    return sorted(
        key
        for key in keys
        if expected.get(key) != found.get(key) and not ((match := STEP.match(key)) and match[0] in left_out)
    )
