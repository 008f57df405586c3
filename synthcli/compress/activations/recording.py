"""Running a teacher over a text and writing what its hook points hold: the files of a cache."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synthcli import atomic_files
from synthcli.compress.activations.calibration import Calibration
from synthcli.compress.activations.capture import capture
from synthcli.compress.activations.hook_points import HookPoint, width_of
from synthcli.compress.teacher import Teacher
from synthcli.data.store.ragged import Indices
from synthcli.errors import WorkFailedError
from synthcli.progress import Progress

FORMAT = 1
INDEX, LENGTHS, TOKENS = "index.json", "lengths.i64", "tokens.i32"
BYTES = 2  # of a number in float16
BATCH_TOKENS = 4096  # real and padded ones of a batch of the teacher
LARGEST = float(np.finfo(np.float16).max)


def get_point_file(point: HookPoint) -> str:
    return f"{point}.f16"


def batches_by_length(lengths: Indices, tokens: int = BATCH_TOKENS) -> list[Indices]:
    """Return all sequences in batches of similar lengths, each of about so many tokens."""
    order, batches = np.argsort(lengths, kind="stable"), []
    start = 0
    for stop in range(1, len(order) + 1):
        is_last = stop == len(order)
        if is_last or (stop + 1 - start) * lengths[order[stop]] > tokens:
            batches.append(order[start:stop])
            start = stop
    return batches


def record_activations(
    folder: Path,
    teacher: Teacher,
    calibration: Calibration,
    points: list[HookPoint],
    progress: Progress,
) -> None:
    """Fill a folder, sequences of like length together."""
    lengths = calibration.lengths
    starts, done = np.cumsum(lengths) - lengths, 0
    tokens = np.concatenate([calibration.text(i) for i in range(len(lengths))])
    # not by numpy, whose errors do not say why
    (folder / LENGTHS).write_bytes(lengths.astype(np.int64).tobytes())
    (folder / TOKENS).write_bytes(tokens.astype(np.int32).tobytes())
    files = {point: os.open(folder / get_point_file(point), os.O_WRONLY | os.O_CREAT) for point in points}
    try:
        for indices in batches_by_length(lengths):
            found = capture(teacher, calibration.batch(indices), points)
            for point, values in found.items():
                _write_rows(files[point], point, values, starts[indices], lengths[indices])
            done += len(indices)
            progress("recording", done, len(lengths))
    finally:
        for file in files.values():
            os.close(file)


def _write_rows(file: int, point: HookPoint, values: Tensor, starts: Indices, lengths: Indices) -> None:
    """Write the real rows of a batch: one look at its largest, and one copy of a GPU's in float16."""
    if not _largest_size(values) <= LARGEST:  # perhaps at a padded position, where nobody looks
        _refuse_infinite(point, values, lengths)
    width, rows = values.shape[-1], values.to(torch.float16).cpu().numpy()
    for row, start, length in zip(rows, starts, lengths, strict=True):
        data, offset = row[: int(length)].tobytes(), int(start) * width * BYTES
        while data:
            written = os.pwrite(file, data, offset)
            data, offset = data[written:], offset + written


def _largest_size(values: Tensor) -> float:
    """Return the largest size of a number; NaN where one is."""
    least, most = torch.stack(torch.aminmax(values)).tolist()
    return max(-least, most)


def _refuse_infinite(point: HookPoint, values: Tensor, lengths: Indices) -> None:
    """Raise where a real token's activation is not finite in float16."""
    for row, length in zip(values, lengths, strict=True):
        largest = _largest_size(row[: int(length)])
        if not largest <= LARGEST:
            message = f"activations at `{point}` are not finite in float16: the largest is {largest:g}"
            raise WorkFailedError(message, "is the teacher damaged, or did its training diverge?")


def identify_recording(teacher: Teacher, calibration: Calibration) -> dict[str, dict[str, str]]:
    """Return name and hash of all that a cache depends on."""
    return {
        "model": {"name": teacher.name, "hash": teacher.hash},
        "tokenizer": {"name": teacher.tokenizer.kind, "hash": teacher.tokenizer.hash},
        "text": {"name": calibration.name, "hash": calibration.hash},
    }


def write_index(folder: Path, teacher: Teacher, calibration: Calibration, points: list[HookPoint]) -> None:
    """Say what the files of a folder are, and how large."""
    index = {
        "format": FORMAT,
        "of": identify_recording(teacher, calibration),
        "text": {
            "corpus": calibration.store.corpus,
            "split": calibration.split,
            "layout": calibration.layout,
            "max_length": calibration.max_length,
            "limit": calibration.limit,
            "sequences": len(calibration),
            "tokens": int(calibration.lengths.sum()),
        },
        "sites": {str(point): {"width": width_of(teacher.model, point)} for point in points},
        "bytes": {path.name: path.stat().st_size for path in sorted(folder.iterdir())},
    }
    atomic_files.write_text(folder / INDEX, json.dumps(index, indent=2) + "\n")
