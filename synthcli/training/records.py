"""Lines of JSON that a training writes one a step: read back, and held against what must be there."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthcli.safe_read import read_bytes

SHOWN = 3  # steps that are named before the rest is counted
Expected = Callable[[int], bool]
"""Whether a step has a record."""


@dataclass(frozen=True)
class Record:
    """A whole line; `number` counts the lines of the file from 1."""

    number: int
    line: str
    values: dict[str, Any]

    @property
    def step(self) -> int:
        return int(self.values["step"])

    @property
    def kind(self) -> str:
        """What is recorded, by the key that no other kind has."""
        return next((kind for kind in KINDS if kind in self.values), "")


# of a record, by the key that tells it from others, and in words
KINDS = {"loss": "record", "validation_loss": "validation", "diagnostics": "diagnostics", "seconds": "record"}


@dataclass(frozen=True)
class KeptRecords:
    """The text of the records up to a step, in order, and in words what was amiss with them."""

    text: str
    faults: tuple[str, ...]


def read_whole_records(path: Path) -> tuple[list[Record], list[int]]:
    """Return the whole records of a file, and the numbers of its lines that are none."""
    records: list[Record] = []
    damaged: list[int] = []
    if not path.exists():
        return records, damaged
    lines = read_bytes(path).decode(errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        values = _parse_record(line) if number < len(lines) else None  # the last was not ended
        if values is not None:
            records.append(Record(number, line + "\n", values))
        elif line:
            damaged.append(number)
    return records, damaged


def _parse_record(line: str) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = values.get("step") if isinstance(values, dict) else None
    return values if isinstance(step, int) and not isinstance(step, bool) else None


def keep(path: Path, step: int, expected: Mapping[str, Expected]) -> KeptRecords:
    """Return the records up to a step, and what is amiss: missing, twice there, out of order, not whole.

    `expected` says of each kind which steps have one. What stands after the last record of these steps is
    what a kill leaves, and nobody's fault.
    """
    records, damaged = read_whole_records(path)
    due = [record for record in records if record.step <= step]
    last = max((record.number for record in due), default=0)
    torn = [number for number in damaged if number < last]
    early = [record.number for record in records if record.step > step and record.number < last]
    seen = Counter((record.step, record.kind) for record in due)
    first: dict[tuple[int, str], Record] = {}
    for record in due:
        first.setdefault((record.step, record.kind), record)
    in_order = sorted(first.values(), key=lambda record: record.step)
    twice = sorted({at for (at, _), count in seen.items() if count > 1})
    faults = [
        *_find_missing({kind: {s for s, k in seen if k == kind} for kind in expected}, step, expected),
        *_number_steps("step", twice, "{} twice, the first counts"),
        *(["out of order, now in order"] if early or in_order != list(first.values()) else []),
        *_number_steps("line", torn, "{} not whole, and left out"),
    ]
    return KeptRecords("".join(record.line for record in in_order), tuple(faults))


def _find_missing(
    there: Mapping[str, set[int]], step: int, expected: Mapping[str, Expected]
) -> Iterator[str]:
    for kind, is_due in expected.items():
        gone = [s for s in range(1, step + 1) if is_due(s) and s not in there[kind]]
        yield from _number_steps("step", gone, f"no {KINDS[kind]} of {{}}")


def _number_steps(what: str, numbers: Sequence[int], words: str) -> Iterable[str]:
    """Put numbers into words: a few are named, of many the first, the last and the count."""
    if not numbers:
        return []
    if len(numbers) > SHOWN:
        shown = f"{numbers[0]:,} to {numbers[-1]:,} ({len(numbers):,} of them)"
    else:
        shown = ", ".join(f"{number:,}" for number in numbers)
    return [words.format(f"{what}{'s' * (len(numbers) > 1)} {shown}")]
