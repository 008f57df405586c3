"""Tensors out of somebody else's file: safetensors, or what `torch.save` wrote, and nothing that runs code.

A pickle is a program. It is read by torch's reader of tensors alone (`weights_only`): one that asks for any
other function is refused before that function is called.
"""

import math
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from synthcli.errors import SynthError
from synthcli.safe_read import inside, refuse_irregular

SAFE = (".safetensors",)
PICKLED = (".pt", ".pth", ".bin", ".ckpt")
USUAL = ("model.safetensors", "pytorch_model.bin")  # beside which trainers leave states of their own
WRAPPINGS = ("model_state_dict", "state_dict", "model")
PREFIXES = ("module.", "_orig_mod.")
PICKLE = b"\x80"  # how one begins, from protocol 2 on
DAMAGED = "the copy is incomplete or damaged: fetch it anew"


@dataclass(frozen=True)
class TensorFile:
    """Every tensor of a file under its own name, and the words that a safetensors file holds beside them."""

    path: Path
    tensors: dict[str, Tensor]
    words: dict[str, str] = field(default_factory=dict)


def load_tensors(path: Path) -> TensorFile:
    """Read a file of tensors, or the one such file of a folder."""
    file = _find_weights(path) if path.is_dir() else path
    refuse_irregular(file)
    if not file.is_file():
        raise SynthError(f"there is no file `{file}`", "name a file of weights, or the folder that holds it")
    if file.suffix in SAFE:
        found = _read_safetensors(file)
    elif file.suffix in (*PICKLED, ""):
        found = TensorFile(file, _read_pickled(file))
    else:
        known = ", ".join(f"`{suffix}`" for suffix in (*SAFE, *PICKLED))
        raise SynthError(f"`{file}` is of no kind known to hold weights", f"known: {known}")
    return TensorFile(file, _strip_prefix(found.tensors, file), found.words)


def _find_weights(folder: Path) -> Path:
    """Return the one file of weights in a folder; safetensors go first."""
    for name in USUAL:
        if (folder / name).is_file():
            return inside(folder / name, folder)
    for suffixes in (SAFE, PICKLED):
        found = sorted(path for path in folder.iterdir() if path.suffix in suffixes and path.is_file())
        found = [path for path in found if not path.name.startswith(("trainer_state", "optimizer"))]
        if len(found) > 1:
            names = ", ".join(f"`{path.name}`" for path in found)
            raise SynthError(f"`{folder}` holds several files of weights: {names}", "name the one to import")
        if found:
            return inside(found[0], folder)
    known = ", ".join(f"`{suffix}`" for suffix in (*SAFE, *PICKLED))
    raise SynthError(f"`{folder}` holds no weights", f"expected a file that ends in one of {known}")


def _read_safetensors(path: Path) -> TensorFile:
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
            return TensorFile(path, tensors, dict(file.metadata() or {}))
    except (SafetensorError, OSError, ValueError, RuntimeError, MemoryError) as error:
        raise SynthError(f"`{path}` is not a whole safetensors file", DAMAGED) from error


def _read_pickled(path: Path) -> dict[str, Tensor]:
    """Read what `torch.save` wrote; whatever else its pickle asks for is refused, not called."""
    _refuse_packed(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which are read all the same
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _is_torch_file(path):
            raise SynthError(f"`{path}` is not a file that `torch.save` wrote", DAMAGED) from error
        raise SynthError(
            f"`{path}` is a pickle of more than tensors, which could run any code: nothing of it was run",
            "save the state dict alone, `torch.save(model.state_dict(), …)`, or as safetensors",
        ) from error
    except Exception as error:  # a damaged archive fails in as many ways as it has parts
        raise SynthError(f"`{path}` is not a whole file of `torch.save`", DAMAGED) from error
    return _extract_state_dict(content, path)


def _is_torch_file(path: Path) -> bool:
    """Whether a file is a zip archive or begins as a pickle does."""
    with path.open("rb") as file:
        return file.read(1) == PICKLE or zipfile.is_zipfile(file)


def _refuse_packed(path: Path) -> None:
    """Refuse an archive whose members claim more bytes than it has: `torch.save` packs none of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # of the old format, or damaged, which torch says
    size = path.stat().st_size
    if claimed > size:
        message = f"`{path}` has {size:,} bytes, and its members claim {claimed:,}"
        raise SynthError(message, "`torch.save` packs nothing: fetch the file anew")


def _extract_state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state dict that a file holds: all of it, or one of its entries beside an optimizer's."""
    if isinstance(content, Mapping):
        for key in WRAPPINGS:
            if isinstance(content.get(key), Mapping):
                content = content[key]
                break
    if not isinstance(content, Mapping) or not content:
        raise SynthError(f"`{path}` holds no state dict", "save `model.state_dict()`, names and tensors")
    for name, value in content.items():
        if not isinstance(name, str):
            raise SynthError(
                f"`{path}` names a tensor `{name!r:.40}`, which is no text", "save the state dict alone"
            )
        if not isinstance(value, Tensor):
            what = type(value).__name__
            raise SynthError(f"`{name}` of `{path}` is no tensor but `{what}`", "save the state dict alone")
        _check_tensor(name, value, path)
    return {name: value.detach() for name, value in content.items()}


def _check_tensor(name: str, tensor: Tensor, path: Path) -> None:
    """Refuse what is no plain tensor, or claims more elements than the file holds."""
    is_plain = type(tensor) in (Tensor, nn.Parameter) and tensor.layout == torch.strided
    if not is_plain or tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_complex():
        raise SynthError(f"`{name}` of `{path}` is no plain tensor", "save dense tensors of real numbers")
    if math.prod(tensor.shape) * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise SynthError(f"`{name}` of `{path}` claims more elements than the file holds", DAMAGED)


def _strip_prefix(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Take off what wrappers of a model put before every name."""
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    if not tensors:
        raise SynthError(f"`{path}` holds no tensors", DAMAGED)
    return tensors
