"""What is put in a file's place; each leaves the rest of its folder as it was."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from tests.data.corpora.mutations import MUTATIONS

Damage = Callable[[Path, random.Random], None]
DEEP = 100_000


def placed(content: bytes) -> Damage:
    return lambda path, _: path.write_bytes(content) and None


def pipe(path: Path, _: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def link(target: str) -> Damage:
    def linked(path: Path, _: random.Random) -> None:
        path.unlink()
        path.symlink_to(target)

    return linked


def to_itself(path: Path, _: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def folder(path: Path, _: random.Random) -> None:
    path.unlink()
    path.mkdir()


def sparse(path: Path, _: random.Random) -> None:
    os.truncate(path, 2**40)


def cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size + 1))


def mutated(path: Path, rng: random.Random) -> None:
    MUTATIONS[rng.choice(sorted(MUTATIONS))](path, rng)


def value_changed(path: Path, rng: random.Random) -> None:
    """Change one value of a table; of what is no table, a byte."""
    try:
        table = json.loads(path.read_bytes())
        key = rng.choice(sorted(table))
    except (ValueError, TypeError, IndexError):
        return mutated(path, rng)
    table[key] = rng.choice([None, -1, 2**63, 10**30, 1e308, "", "\x1b[2J[red]", [], {}, [[]], "../x", True])
    path.write_text(json.dumps(table))
    return None


STRUCTURAL: dict[str, Damage] = {
    "pipe": pipe,
    "device": link("/dev/zero"),
    "link out": link("/etc/hostname"),
    "link to itself": to_itself,
    "link to nowhere": link("nowhere"),
    "folder": folder,
    "sparse": sparse,
}
CONTENTS: dict[str, Damage] = {
    "empty": placed(b""),
    "deep list": placed(b"[" * DEEP),
    "deep table": placed(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep toml": placed(b"a = " + b"[" * DEEP + b"]" * DEEP),
    "digits": placed(b'{"sessions": ' + b"9" * 5_000 + b"}"),
    "digits toml": placed(b"seed = " + b"9" * 5_000),
    "surrogate": placed(b'{"kind": "\\ud800", "task": "\\udfff"}'),
    "null": placed(b"null"),
    "a list": placed(b"[1, 2]"),
    "empty table": placed(b"{}"),
    "escapes": placed(b'{"kind": "\x1b[2J", "a": "[red]"}'),
    "latin": placed(b"caf\xe9\n"),
    "nul": placed(bytes(64)),
    "pickle": placed(b"\x80\x04cos\nsystem\n(S'touch /tmp/outside'\ntR."),
    "cut": cut,
    "mutated": mutated,
    "value": value_changed,
}
DAMAGES: dict[str, Damage] = {**STRUCTURAL, **CONTENTS}
