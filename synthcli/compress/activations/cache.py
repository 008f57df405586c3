"""Recorded activations on disk: far cheaper to read than to compute again.

    <cache>/index.json  lengths.i64  tokens.i32  <hook point>.f16

A file a hook point holds float16 rows of real tokens, sequence after sequence. The index names the teacher,
its tokenizer and the text by their hashes, and the size of every file.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypedDict, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthcli import atomic_files
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.hook_points import HookPoint, width_of
from synthcli.compress.activations.recording import (
    BYTES,
    FORMAT,
    INDEX,
    LENGTHS,
    TOKENS,
    batches_by_length,
    get_point_file,
    identify_recording,
    record_activations,
    write_index,
)
from synthcli.compress.teacher import Teacher
from synthcli.data.store.ragged import Indices
from synthcli.disk import format_bytes, guard_write
from synthcli.errors import SynthError
from synthcli.progress import Progress, no_progress
from synthcli.safe_read import read_json

CPU = torch.device("cpu")
PARTS = {"of", "text", "sites", "bytes"}  # of an index
RECORDINGS = ".activations-"  # how folders of recordings that do not stay begin

__all__ = [
    "CPU",
    "RECORDINGS",
    "ActivationCache",
    "batches_by_length",
    "build_cache",
    "cache_at",
    "cache_bytes",
    "format_bytes",
    "open_cache",
    "read_on",
    "refuse_other",
    "refuse_size",
]


class Index(TypedDict):
    """What a cache holds: hash and name of teacher, tokenizer and text, and each hook point's width."""

    of: dict[str, dict[str, str]]
    text: dict[str, object]
    sites: dict[str, dict[str, int]]
    bytes: dict[str, int]


@dataclass(frozen=True)
class ActivationCache:
    """Opened activations; a sequence is named by its number in the calibration text."""

    path: Path
    index: Index

    @cached_property
    def points(self) -> tuple[HookPoint, ...]:
        return tuple(HookPoint.parse(name) for name in self.index["sites"])

    @cached_property
    def lengths(self) -> Indices:
        """Tokens of each sequence."""
        return np.fromfile(self.path / LENGTHS, dtype=np.int64)

    @cached_property
    def ends(self) -> Indices:
        """The row after the last of each sequence."""
        return np.cumsum(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def rows(self) -> int:
        """Real tokens of all sequences."""
        return int(self.ends[-1])

    def width(self, point: HookPoint) -> int:
        return self._describe(point)["width"]

    def tokens(self, indices: Indices | Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return token ids (batch, length), 0 where padded, and the padding or None."""
        ids = np.memmap(self.path / TOKENS, dtype=np.int32, mode="r")
        filled, padding = self._fill(ids, np.asarray(indices), np.int64)
        return torch.from_numpy(filled), padding

    def read(self, point: HookPoint, indices: Indices | Sequence[int]) -> tuple[Tensor, Tensor | None]:
        """Return float32 (batch, length, width), 0 where padded, and the padding (batch, length) or None."""
        filled, padding = self._fill(self._map(point), np.asarray(indices), np.float32)
        return torch.from_numpy(filled), padding

    def flat(self, point: HookPoint, start: int, stop: int) -> Tensor:
        """Return rows of real tokens (rows, width) in float32."""
        return torch.from_numpy(self._map(point)[start:stop].astype(np.float32))

    def _describe(self, point: HookPoint) -> dict[str, int]:
        described = self.index["sites"].get(str(point))
        if described is None:
            held = ", ".join(f"`{name}`" for name in self.index["sites"])
            raise SynthError(f"cache `{self.path}` holds nothing of `{point}`", f"it holds {held}")
        return described

    def _map(self, point: HookPoint) -> npt.NDArray[np.float16]:
        width = self._describe(point)["width"]
        return np.memmap(self.path / get_point_file(point), dtype=np.float16, mode="r").reshape(-1, width)

    def _fill(
        self, rows: npt.NDArray[np.generic], indices: Indices, dtype: type
    ) -> tuple[npt.NDArray[np.generic], Tensor | None]:
        lengths = self.lengths[indices]
        longest = int(lengths.max(initial=0))
        filled = np.zeros((len(indices), longest, *rows.shape[1:]), dtype=dtype)
        for place, (end, length) in enumerate(zip(self.ends[indices], lengths, strict=True)):
            filled[place, :length] = rows[end - length : end]
        if (lengths == longest).all():
            return filled, None
        return filled, torch.from_numpy(np.arange(longest) >= lengths[:, None])


class Readable(Protocol):
    """What a cache offers: sequences by number."""

    def read(self, point: HookPoint, indices: Indices) -> tuple[Tensor, Tensor | None]:
        """Return (batch, length, width), zeros at padding, and the padding."""


def read_on(
    device: torch.device, cache: Readable, point: HookPoint, indices: Indices
) -> tuple[Tensor, Tensor | None]:
    """Read a hook point of some sequences, and their padding, to where a model is."""
    values, padding = cache.read(point, indices)
    return values.to(device), None if padding is None else padding.to(device)


def cache_bytes(teacher: Teacher, calibration: Calibration, points: Iterable[HookPoint]) -> int:
    """Return the bytes of a cache before it is written: tokens × width × 2 a hook point, and the tokens."""
    widths = sum(width_of(teacher.model, point) for point in set(points))
    return int(calibration.lengths.sum()) * (widths * BYTES + 4) + 8 * len(calibration)


def build_cache(
    path: Path,
    teacher: Teacher,
    calibration: Calibration,
    points: Iterable[HookPoint],
    limit: int | None = None,
    progress: Progress = no_progress,
) -> ActivationCache:
    """Record the hook points of a teacher on a text; `limit` in bytes. The cache is whole or absent."""
    wanted = sorted(set(points))
    size = cache_bytes(teacher, calibration, wanted)
    refuse_size(path, size, limit)
    if path.exists():
        raise SynthError(f"`{path}` exists already", "open it, remove it, or name another folder")
    with (
        guard_write(f"recording `{path}`", path, needs=size),
        atomic_files.new_folder(path) as folder,
    ):
        record_activations(folder, teacher, calibration, wanted, progress)
        write_index(folder, teacher, calibration, wanted)
    return open_cache(path)


def open_cache(path: Path) -> ActivationCache:
    """Open a cache whose files have the sizes that its index names."""
    try:
        index = read_json(path / INDEX)
    except FileNotFoundError as error:
        raise SynthError(f"`{path}` is no cache: it has no `{INDEX}`", "name another folder") from error
    except (OSError, ValueError) as error:
        raise SynthError(f"`{path / INDEX}` cannot be read", _remove_hint(path)) from error
    if not isinstance(index, dict) or index.get("format") != FORMAT or not index.keys() >= PARTS:
        raise SynthError(f"`{path / INDEX}` is not of format {FORMAT}", _remove_hint(path))
    for name, expected in index["bytes"].items():
        size = (path / name).stat().st_size if (path / name).is_file() else 0
        if size != expected:
            raise SynthError(
                f"`{path / name}` has {size} bytes, its index says {expected}", _remove_hint(path)
            )
    return ActivationCache(path, cast(Index, index))  # of this format, and with its keys


def cache_at(
    path: Path,
    teacher: Teacher,
    calibration: Calibration,
    points: Iterable[HookPoint],
    limit: int | None = None,
    progress: Progress = no_progress,
) -> ActivationCache:
    """Open the cache of a folder where it is of this teacher, text and hook points, or record it there."""
    wanted = sorted(set(points))
    if not path.exists():
        return build_cache(path, teacher, calibration, wanted, limit, progress)
    cache = open_cache(path)
    refuse_other(cache, teacher, calibration)
    for point in wanted:
        cache.width(point)
    return cache


def refuse_other(cache: ActivationCache, teacher: Teacher, calibration: Calibration) -> None:
    """Refuse a cache of another model, tokenizer or text."""
    mine = identify_recording(teacher, calibration)
    for what, found in cache.index["of"].items():
        if found["hash"] != mine[what]["hash"]:
            message = f"cache `{cache.path}` was recorded with another {what}: `{found['name']}`"
            raise SynthError(message, f"this is `{mine[what]['name']}`: remove it, or name another folder")


def refuse_size(path: Path, size: int, limit: int | None) -> None:
    """Refuse a cache that is larger than allowed, or than the disk has room for."""
    if limit is not None and size > limit:
        message = (
            f"the cache would take {format_bytes(size)}, and `--cache-limit` allows {format_bytes(limit)}"
        )
        raise SynthError(message, "raise it, or read less: `--limit`, `--max-length`, fewer blocks")
    folder = next(parent for parent in path.absolute().parents if parent.is_dir())
    free = shutil.disk_usage(folder).free
    if size > free:
        message = f"the cache would take {format_bytes(size)}, and `{folder}` has {format_bytes(free)} left"
        raise SynthError(message, "free space there, name another disk, or read less: `--limit`")


def _remove_hint(path: Path) -> str:
    return f"remove `{path}`: it is recorded anew"
