"""Arrow shards that `datasets.load_from_disk` reads, and the two files by which it knows them."""

import hashlib
import json
from pathlib import Path

import pyarrow

from synthcli.atomic_files import write_text
from synthcli.errors import SynthError
from synthcli.safe_read import inside, read_table

TOKENS = pyarrow.list_(pyarrow.int32())
SCHEMAS = {
    "text": {"tokens": TOKENS, "words": pyarrow.int32(), "bytes": pyarrow.int32()},
    "pairs": {
        "source": TOKENS,
        "target": TOKENS,
        "source_text": pyarrow.string(),
        "target_text": pyarrow.string(),
    },
    "labelled": {"tokens": TOKENS, "label": pyarrow.int32()},
    "scored": {"tokens": TOKENS, "score": pyarrow.float32()},
    "choices": {"choices": pyarrow.list_(TOKENS), "label": pyarrow.int32()},
}
# where the second text of a pair begins among its tokens, in the form `plain`
SECOND = {
    "labelled": pyarrow.int32(),
    "scored": pyarrow.int32(),
    "choices": pyarrow.list_(pyarrow.int32()),
}
NO_SECOND = -1  # of a text that is no pair
STATE = "state.json"
DAMAGED = "prepare the store again: `synth prepare-corpus NAME --force`"
NAMES = {"float": "float32"}  # of types that `datasets` calls otherwise than Arrow


def row_schema(kind: str, has_second: bool = False) -> dict[str, pyarrow.DataType]:
    """Return the columns of a kind of rows, with what the form `plain` adds to them."""
    return SCHEMAS[kind] | ({"second": SECOND[kind]} if has_second else {})


def describe_split(folder: Path, kind: str, shards: dict[str, str], has_second: bool = False) -> None:
    """Write what `datasets` reads of a split beside its shards, given by name with their sha256."""
    digest = hashlib.sha256("".join(shards.values()).encode())
    state: dict[str, object] = {
        "_data_files": [{"filename": name} for name in shards],
        "_fingerprint": digest.hexdigest()[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": folder.name,
    }
    features = {name: _describe_feature(type_) for name, type_ in row_schema(kind, has_second).items()}
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    write_json(folder / "dataset_info.json", info)
    write_json(folder / STATE, state)


def _describe_feature(type_: pyarrow.DataType) -> dict[str, object]:
    """Return what `datasets` calls a type of Arrow."""
    if pyarrow.types.is_list(type_):
        return {"feature": _describe_feature(type_.value_type), "_type": "List"}
    return {"dtype": NAMES.get(str(type_), str(type_)), "_type": "Value"}


def map_table(folder: Path) -> pyarrow.Table:
    """Return the rows of a split as a table that lies in its files; `datasets` takes long to import."""
    shards = [pyarrow.memory_map(str(path)) for path in find_shards(folder)]
    return pyarrow.concat_tables([pyarrow.ipc.open_stream(shard).read_all() for shard in shards])


def find_shards(folder: Path) -> list[Path]:
    """Return the files of a split in order, none of them elsewhere."""
    state = read_table(folder / STATE, DAMAGED)
    try:
        names = [file["filename"] for file in state["_data_files"]]
        shards = [folder / name for name in names if Path(name).name == name]
    except (KeyError, TypeError) as error:
        raise SynthError(f"`{folder / STATE}` names no shards", DAMAGED) from error
    if len(shards) < len(names):
        raise SynthError(f"`{folder / STATE}` names a shard outside its folder", DAMAGED)
    return [inside(shard, folder) for shard in shards]


def write_json(path: Path, content: object) -> None:
    """Write a json file and wait until it is on disk."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
