"""What is done to models on disk, by mistake or by malice: each changes one folder, by a random number."""

import contextlib
import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from synthcli.training.manifest import write_manifest
from tests.data.corpora.mutations import MUTATIONS

Damage = Callable[[Path, random.Random], None]

SENTINEL = "code-ran"  # what a pickle that runs code would leave
NUMBERS = [0, -1, 1, 3, 10**6, 10**9, 10**12, 2**63, 1e308, float("nan"), 1.5]
VALUES = [None, True, "", "x", "../x", [], {}, [[]], "9" * 300, "\ud800", *NUMBERS]
NAMES = ["../outside", "/tmp/outside", "a/../../outside", "", "\0", "x" * 5_000, "..", "con\n"]


def files(folder: Path, *suffixes: str) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in found if not suffixes or path.suffix in suffixes]


def bytes_changed(folder: Path, rng: random.Random) -> None:
    """Do to one file what `tests.data.corpora.mutations` do to text."""
    if found := files(folder):
        MUTATIONS[rng.choice(sorted(MUTATIONS))](rng.choice(found), rng)


def tensors_changed(folder: Path, rng: random.Random) -> None:
    """Drop, add, rename, reshape or retype a tensor; fill it with what is no number."""
    found = files(folder, ".safetensors", ".pt", ".bin", ".pth")
    if not found:
        return
    path = rng.choice(found)
    tensors = read(path)
    if not tensors:
        return
    name = rng.choice(sorted(tensors))
    tensor = tensors[name]
    what = rng.randrange(8)
    if what == 0:
        del tensors[name]
    elif what == 1:
        tensors[rng.choice([*NAMES, "extra", f"{name}.extra"])] = torch.zeros(2)
    elif what == 2:
        tensors[rng.choice([*NAMES, "x"])] = tensors.pop(name)
    elif what == 3:
        tensors[name] = tensor[:-1].contiguous() if tensor.ndim else tensor[None].contiguous()
    elif what == 4:
        tensors[name] = tensor.to(rng.choice([torch.int8, torch.bool, torch.float16, torch.bfloat16]))
    elif what == 5:
        tensors[name] = torch.full_like(tensor.float(), rng.choice([torch.nan, torch.inf]))
    elif what == 6:
        tensors[name] = tensor.flatten()[:0].contiguous()
    else:
        tensors[name] = tensor[None].contiguous()
    write(path, tensors)


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file, none where it is damaged already."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, weights_only=True)
    except (SafetensorError, OSError, RuntimeError, pickle.UnpicklingError, EOFError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(t, Tensor) for t in found.values()) else {}


def write(path: Path, tensors: dict[str, Tensor]) -> None:
    try:
        save_file(tensors, path) if path.suffix == ".safetensors" else torch.save(tensors, path)
    except (SafetensorError, UnicodeEncodeError, RuntimeError):
        path.write_bytes(b"")


def header_changed(folder: Path, rng: random.Random) -> None:
    """Have a safetensors header that lies: of its length, of shapes, of places, of types."""
    found = files(folder, ".safetensors")
    if not found:
        return
    path = rng.choice(found)
    data = path.read_bytes()
    if len(data) < 8:
        return
    length = struct.unpack("<Q", data[:8])[0]
    if rng.random() < 0.3:
        path.write_bytes(struct.pack("<Q", rng.choice([2**63, 2**40, len(data), 0, length - 1])) + data[8:])
        return
    try:
        header: dict[str, Any] = json.loads(data[8 : 8 + length])
    except ValueError:
        return
    name = rng.choice([key for key in header if key != "__metadata__"] or ["__metadata__"])
    entry = header[name]
    changes: list[Callable[[], None]] = [
        lambda: entry.update(shape=[10**12]),
        lambda: entry.update(shape=[2**62, 4]),
        lambda: entry.update(data_offsets=[0, 2**62]),
        lambda: entry.update(data_offsets=[4, 0]),
        lambda: entry.update(dtype=rng.choice(["F99", "F64", "I8", "", "F8_E4M3"])),
        lambda: header.update({rng.choice(NAMES): header.pop(name)}),
        lambda: header.update(__metadata__={"format": "x" * 10**5}),
    ]
    rng.choice(changes)()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def table_changed(folder: Path, rng: random.Random) -> None:
    """Change, drop or add a value somewhere in a JSON file."""
    found = files(folder, ".json")
    if not found:
        return
    path = rng.choice(found)
    try:
        table = json.loads(path.read_text())
    except ValueError:
        return
    place, key = spot(table, rng)
    if place is None:
        path.write_text(json.dumps(rng.choice(VALUES)))
        return
    what = rng.randrange(4)
    if what == 0:
        del place[key]
    elif what == 1 and isinstance(place, dict):
        place[rng.choice([*NAMES, "unknown"])] = rng.choice(VALUES)
    else:
        place[key] = rng.choice(VALUES)
    path.write_text(json.dumps(table))


def spot(table: Any, rng: random.Random) -> tuple[Any, Any]:
    """Return a table and one of its keys, the deeper the less probable."""
    place = table if isinstance(table, dict | list) and table else None
    while place is not None:
        key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner) or rng.random() < 0.3:
            return place, key
        place = inner
    return None, None


class Runs:
    """Pickles into a call that leaves a file behind."""

    def __init__(self, sentinel: str) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.sentinel,)


def running_code(folder: Path, rng: random.Random) -> None:
    """Put a pickle that would run code in place of weights, or beside them."""
    sentinel = str(folder.parent / SENTINEL)
    content: Any = rng.choice([Runs(sentinel), {"a": Runs(sentinel)}, {"state_dict": {"w": Runs(sentinel)}}])
    found = files(folder, ".pt", ".bin", ".pth", ".safetensors")
    path = rng.choice(found) if found else folder / "pytorch_model.bin"
    if path.suffix == ".safetensors" and rng.random() < 0.7:
        path.unlink()
        path = path.with_name("pytorch_model.bin")
    if rng.random() < 0.5:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=rng.choice([0, 2, 4])))


def members_renamed(folder: Path, rng: random.Random) -> None:
    """Have a zip of weights with members that would leave its folder, or a claim of a giant size."""
    found = [path for path in files(folder, ".pt", ".bin", ".pth") if zipfile.is_zipfile(path)]
    if not found:
        return
    path, out = rng.choice(found), io.BytesIO()
    with (
        contextlib.suppress(zipfile.BadZipFile),  # damaged before
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(out, "w") as new,
    ):
        chosen = rng.choice(old.namelist())
        for name in old.namelist():
            data, called = old.read(name), name
            if name == chosen and rng.random() < 0.5:
                called = rng.choice(["../outside", "/tmp/outside", "a/../../outside"])
            elif name == chosen:
                data = data.replace(struct.pack("<B", 24), struct.pack("<B", 250))
            new.writestr(called, data)
    path.write_bytes(out.getvalue())


def links_out(folder: Path, rng: random.Random) -> None:
    """Have a link to a file outside, in place of one of the folder, or beside them."""
    secret = folder.parent / "secret.txt"
    secret.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nsecret\n")
    found = files(folder)
    if found and rng.random() < 0.8:
        path = rng.choice(found)
        path.unlink()
    else:
        path = folder / "vocab.txt"
        path.unlink(missing_ok=True)
    path.symlink_to(
        rng.choice([secret, Path("/etc/hostname"), Path("../secret.txt"), Path("/nowhere"), path])
    )


DAMAGES: dict[str, Damage] = {
    "bytes": bytes_changed,
    "tensors": tensors_changed,
    "header": header_changed,
    "table": table_changed,
    "code": running_code,
    "members": members_renamed,
    "links": links_out,
}


def certified_again(folder: Path) -> None:
    """List what is there now as if it were right, so that more than the manifest has to notice."""
    if (folder / "manifest.json").is_file():
        (folder / "manifest.json").unlink()
        write_manifest(folder, 0, None)
