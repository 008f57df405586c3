"""Which rows of files without splits are held out: a pure function of the rows and a seed.

Rows come in units that stay together: equal ones, and of running text the lines of a file or of a paragraph.
Units are ordered by a hash of what they hold and, class by class, 5 per cent of the rows go to validation and
as many to test: those units first in that order that still fit. The order of rows and files does not matter.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from zlib import crc32

import numpy as np
import numpy.typing as npt

from synthcli.data.corpora.source import SPLITS, Row
from synthcli.data.store.hashing import Hashes, splitmix64, text_hashes
from synthcli.data.store.ragged import Indices

Codes = npt.NDArray[np.uint8]
Buckets = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]

ROWS_AT_ONCE = 4_096
PER_CENT = 5  # of the rows of a class for each held-out split
FEWEST = len(SPLITS)  # units of a class that can stand in every split
TRAIN, VALIDATION, TEST = range(len(SPLITS))
HELD_OUT = (VALIDATION, TEST)
SLICES = 16  # of all hashes, looked at one after the other: what is held out stands in the first few
HALF = 2  # a unit is too coarse where a split gets less than one part in so many of what it should
OF_NOTHING = crc32(b"")
SEPARATOR = "\0"  # of the texts of a row: no text holds it


@dataclass
class Scanned:
    """What is remembered of rows, in their order: nine bytes each, and four of a label."""

    hashes: "array[int]" = field(default_factory=lambda: array("I"))  # of their texts
    blanks: bytearray = field(default_factory=bytearray)  # whether they are white space
    labels: "array[int]" = field(default_factory=lambda: array("i"))
    ends: list[int] = field(default_factory=list)  # of each file, in rows

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def classes(self) -> npt.NDArray[np.int32] | None:
        return np.frombuffer(self.labels, np.int32) if len(self.labels) else None


def scan(files: Iterable[Iterable[Row]]) -> Scanned:
    """Read the rows of each file once."""
    scanned = Scanned()
    for rows in files:
        stream = iter(rows)
        while batch := list(islice(stream, ROWS_AT_ONCE)):
            _add(scanned, batch)
        scanned.ends.append(len(scanned))
    return scanned


def _add(scanned: Scanned, batch: Sequence[Row]) -> None:
    if "text" in batch[0]:
        texts = [row["text"] for row in batch]
        scanned.hashes.extend(map(crc32, map(str.encode, texts)))
        scanned.blanks.extend(map(str.isspace, texts))
    else:
        pairs = [(row["source"], row["target"]) for row in batch]
        scanned.hashes.extend([crc32(SEPARATOR.join(pair).encode()) for pair in pairs])
        scanned.blanks.extend([not "".join(pair).strip() for pair in pairs])
    if "label" in batch[0]:
        scanned.labels.extend([row["label"] for row in batch])


@dataclass(frozen=True)
class Units:
    """Runs of rows that stay together: where each begins, its hash, and whether it holds a word at all."""

    firsts: Indices
    hashes: Hashes
    is_blank: Mask


def _rows_as_units(scanned: Scanned) -> Units:
    """Return every row as a unit of its own."""
    hashes = np.frombuffer(scanned.hashes, np.uint32).astype(np.uint64)
    return Units(np.arange(len(scanned)), hashes, _blank_rows(scanned))


def _files_as_units(scanned: Scanned) -> Units:
    """Return the rows of each file as a unit."""
    ends = np.array(scanned.ends, np.int64)
    firsts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    return _units_from(scanned, firsts[ends > firsts])


def _paragraphs_as_units(scanned: Scanned) -> Units:
    """Return what stands between blank rows as a unit, with the blank ones after it."""
    return _units_from(scanned, _starts(scanned, is_led_by_blank=True))


def _lines_as_units(scanned: Scanned) -> Units:
    """Return each row that is not blank as a unit, with the blank ones after it; equal ones are equal."""
    firsts = _starts(scanned, is_led_by_blank=False)
    hashes, blank = np.frombuffer(scanned.hashes, np.uint32), _blank_rows(scanned)
    spoken = np.minimum(firsts + _count_leading_blanks(blank, firsts), len(scanned) - 1)
    return Units(firsts, hashes[spoken].astype(np.uint64), blank[spoken])


UNITS: dict[str, Callable[[Scanned], Units]] = {
    "files": _files_as_units,
    "paragraphs": _paragraphs_as_units,
    "lines": _lines_as_units,
    "rows": _rows_as_units,
}


def _blank_rows(scanned: Scanned) -> Mask:
    is_space = np.frombuffer(scanned.blanks, np.bool_)
    return is_space | (np.frombuffer(scanned.hashes, np.uint32) == OF_NOTHING)


def _starts(scanned: Scanned, is_led_by_blank: bool) -> Indices:
    """Return where units begin: at rows that are not blank, and at files with their leading blank rows."""
    blank = _blank_rows(scanned)
    begins = ~blank
    if is_led_by_blank:
        begins[1:] &= blank[:-1]
    firsts = np.array([0, *scanned.ends[:-1]], np.int64)
    firsts = firsts[firsts < len(blank)]
    begins[np.minimum(firsts + _count_leading_blanks(blank, firsts), len(blank) - 1)] = False
    begins[firsts] = True
    return np.flatnonzero(begins)


def _count_leading_blanks(blank: Mask, firsts: Indices) -> Indices:
    """Return how many blank rows stand from each of some rows on."""
    spoken = np.append(np.flatnonzero(~blank), len(blank))
    following: Indices = spoken[np.searchsorted(spoken, firsts)]
    return following - firsts


def _units_from(scanned: Scanned, firsts: Indices) -> Units:
    """Return units that begin at given rows, hashed in the order of their rows."""
    offsets = np.append(firsts, len(scanned))
    rows = np.frombuffer(scanned.hashes, np.int32)
    spoken = np.concatenate([np.zeros(1, np.int64), np.cumsum(~_blank_rows(scanned))])
    return Units(firsts, text_hashes(rows, offsets), np.diff(spoken[offsets]) == 0)


@dataclass
class Stratum:
    """The rows of a class, and what is held out of them so far."""

    rows: int
    rooms: dict[int, int]  # rows that a split still takes
    held: dict[int, int] = field(default_factory=lambda: dict.fromkeys(HELD_OUT, 0))
    left: list[tuple[int, int]] = field(default_factory=list)  # the lightest units for train: rows, bucket

    @classmethod
    def of(cls, rows: int) -> "Stratum":
        room = max(1, rows * PER_CENT // 100) if rows >= FEWEST else 0
        return cls(rows, dict.fromkeys(HELD_OUT, room))

    def take(self, split: int, rows: int) -> None:
        """Hold rows out for a split, the last of which may be more than it asked for."""
        self.rooms[split] = max(0, self.rooms[split] - rows)
        self.held[split] += rows

    @property
    def is_filled(self) -> bool:
        return not any(self.rooms.values())

    @property
    def is_fine(self) -> bool:
        """Whether its units are small enough to come near the shares that were asked for."""
        return all(HALF * self.held[split] >= self.rooms[split] + self.held[split] for split in HELD_OUT)


@dataclass(frozen=True)
class HeldOut:
    """The split of every row, by its number in `SPLITS`, and whether the units were fine enough."""

    codes: Codes
    is_fine: bool


def hold_out(scanned: Scanned, unit: str, seed: int) -> HeldOut:
    """Choose the rows of validation and of test; classes too small to be in all splits are not told apart."""
    found = _hold_out_by_class(scanned, unit, seed, scanned.classes)
    if len(np.unique(found.codes)) < len(SPLITS) and scanned.classes is not None:
        return _hold_out_by_class(scanned, unit, seed, None)
    return found


def _hold_out_by_class(
    scanned: Scanned, unit: str, seed: int, labels: npt.NDArray[np.int32] | None
) -> HeldOut:
    """Choose the same share of every class; without labels, of all rows."""
    units = UNITS[unit](scanned)
    salt = splitmix64(np.array([seed % 2**64], np.uint64))
    buckets: Buckets = (splitmix64(units.hashes ^ salt) >> np.uint64(32)).astype(np.uint32)
    sizes: Indices = np.diff(np.append(units.firsts, len(scanned)))
    classes = None if labels is None else labels[units.firsts]
    strata = _group_by_class(classes, sizes)
    chosen: dict[int, list[int]] = {split: [] for split in HELD_OUT}
    unfilled = {label for label, stratum in strata.items() if not stratum.is_filled}
    for bucket, rows, label in groups(buckets, sizes, classes, ~units.is_blank):
        stratum = strata[label]
        if rows <= stratum.rooms[VALIDATION]:
            split = VALIDATION
        elif rows <= stratum.rooms[TEST]:
            split = TEST
        else:
            stratum.left = sorted([*stratum.left, (rows, bucket)])[:FEWEST]
            continue
        chosen[split].append(bucket)
        stratum.take(split, rows)
        if not stratum.rooms[split] and stratum.is_filled:
            unfilled.discard(label)
            if not unfilled:
                break
    is_fine = all(stratum.is_fine for stratum in strata.values())
    for stratum in strata.values():
        _fill(chosen, stratum)
    codes = np.zeros(len(buckets), np.uint8)
    for split, found in chosen.items():
        codes[_is_among(buckets, np.sort(np.array(found, np.uint32))) & ~units.is_blank] = split
    return HeldOut(np.repeat(codes, sizes), is_fine)


def _fill(chosen: dict[int, list[int]], stratum: Stratum) -> None:
    """Give a split that got nothing the lightest unit, as long as train keeps one."""
    for split in HELD_OUT:
        if stratum.rooms[split] and not stratum.held[split] and len(stratum.left) > 1:
            rows, bucket = stratum.left.pop(0)
            chosen[split].append(bucket)
            stratum.take(split, rows)


def _group_by_class(classes: npt.NDArray[np.int32] | None, sizes: Indices) -> dict[int, Stratum]:
    """Return a stratum for each class; rows without labels are one."""
    if classes is None:
        return {0: Stratum.of(int(sizes.sum()))}
    counts = np.bincount(classes, minlength=1)
    return {int(label): Stratum.of(int(counts[label])) for label in np.flatnonzero(counts)}


def groups(
    buckets: Buckets, sizes: Indices, classes: npt.NDArray[np.int32] | None, is_wanted: Mask
) -> Iterator[tuple[int, int, int]]:
    """Yield bucket, rows and class of units that are equal, by bucket; of several classes the first."""
    slices = buckets >> np.uint32(32 - SLICES.bit_length() + 1)
    for number in range(SLICES):
        members = np.flatnonzero((slices == number) & is_wanted)
        labels = np.zeros(len(members), np.int32) if classes is None else classes[members]
        order = np.lexsort((labels, buckets[members]))
        ordered = buckets[members][order]
        firsts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] ^ np.uint32(1)))
        if len(firsts):
            rows = np.add.reduceat(sizes[members][order], firsts)
            yield from zip(
                ordered[firsts].tolist(), rows.tolist(), labels[order][firsts].tolist(), strict=True
            )


def _is_among(buckets: Buckets, held: Buckets) -> Mask:
    """Return which buckets stand among sorted ones."""
    found = np.zeros(len(buckets), np.bool_)
    if len(held):
        low = np.flatnonzero(buckets <= held[-1])  # few: what is held out comes first
        places = np.searchsorted(held, buckets[low])
        found[low] = held[places] == buckets[low]
    return found


def splits_without(codes: Codes, scanned: Scanned) -> dict[int, list[str]]:
    """Return of which splits each class that there is has no row; classes that stand in all are left out."""
    labels = scanned.classes
    if labels is None:
        return {}
    held = {split: set(labels[codes == number].tolist()) for number, split in enumerate(SPLITS)}
    lacking = {
        label: [split for split in SPLITS if label not in held[split]] for label in set.union(*held.values())
    }
    return {label: lacking[label] for label in sorted(lacking) if lacking[label]}
