"""The tensors of a model folder: one safetensors file, or several and an index that says which holds what.

Folders from before have one `pytorch_model.bin`, of which tensors alone are read.
"""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.safe_load import load_tensors
from synthcli.safe_read import inside, read_json, refuse_irregular

MERGE = "put it into its model first: `merge_and_unload().save_pretrained(DIR)`, then import `DIR`"
ADAPTER, ADDED = "adapter_config.json", (".lora_", ".base_layer.", ".modules_to_save.")  # what peft writes
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = "pytorch_model.bin"
DAMAGED = "the copy is incomplete or damaged: fetch it anew"


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return every tensor of the folder under its own name; those of an adapter are refused."""
    tensors = _read_tensors(folder)
    added = [name for name in tensors if any(part in name for part in ADDED)]
    if added:
        raise SynthError(f"`{folder}` holds tensors of an adapter beside the model's, `{added[0]}`", MERGE)
    return tensors


def refuse_adapter(folder: Path) -> None:
    """Raise where a folder holds what peft learnt, without the model it belongs to."""
    if (folder / ADAPTER).is_file() and not any((folder / name).is_file() for name in (WEIGHTS, INDEX)):
        raise SynthError(f"`{folder}` holds an adapter of peft, and no model", MERGE)


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    if (folder / INDEX).is_file():
        return _read_shards(folder)
    if (folder / WEIGHTS).is_file():
        return _read_file(folder / WEIGHTS)
    if (folder / PICKLED).is_file():
        return load_tensors(folder / PICKLED).tensors
    raise SynthError(
        f"`{folder}` holds no weights", f"expected `{WEIGHTS}`, or shards and `{INDEX}`, or `{PICKLED}`"
    )


def _read_file(path: Path) -> dict[str, Tensor]:
    refuse_irregular(inside(path, path.parent))
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise SynthError(f"`{path}` is not a whole safetensors file", DAMAGED) from error


def _read_shards(folder: Path) -> dict[str, Tensor]:
    places = _read_index(folder / INDEX)
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(places.values())):
        if Path(name).name != name:
            raise SynthError(f"`{folder / INDEX}` names the file `{name}` outside its folder", DAMAGED)
        if not (folder / name).is_file():
            raise SynthError(f"`{folder}` lacks `{name}`, which its index names", DAMAGED)
        shard = _read_file(folder / name)
        if set(shard) != {tensor for tensor, place in places.items() if place == name}:
            raise SynthError(f"`{folder / name}` does not hold the tensors that its index lists", DAMAGED)
        tensors |= shard
    return tensors


def _read_index(path: Path) -> dict[str, str]:
    try:
        places = read_json(inside(path, path.parent))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SynthError(f"`{path}` is not an index of safetensors files", DAMAGED) from error
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise SynthError(f"`{path}` is not an index of safetensors files", DAMAGED)
    return places
