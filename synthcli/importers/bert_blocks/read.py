"""The repository of retrained and merged BERT blocks: whole models, and parts that a base model completes.

| file | holds | needs |
|---|---|---|
| `BERTLM-*.pth`, `MergedRetrainedBert-*.pth` | a whole model | |
| `combined_model_*.pth` | merged layers and the head, no embeddings | `--base` |
| `MERGE-*.pth` | one layer for two | `--base`, `block` |
| `BLOCK-*.pth` | one attention | `--base`, `block` |
| a folder of `block_<number>_<d_k>_<heads>/BLOCK-latest.pth` | several attentions | `--base` |

The repository published no checkpoint; the layouts are those that its code writes.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from synthcli.errors import SynthError
from synthcli.importers.base import ImportResult, ImportSource
from synthcli.importers.bert_blocks.weight_map import (
    LAYER,
    SPARES,
    attention_entries,
    attention_root,
    head_entries,
    import_bert_blocks,
    infer_mixer,
    layer_entries,
)
from synthcli.importers.hugging_face import import_hugging_face
from synthcli.importers.options import accept_options, refuse_unseen_option
from synthcli.importers.safe_load import load_tensors
from synthcli.importers.translate import Entry, TranslatedModel, translate_tensors
from synthcli.model import ModelConfig
from synthcli.model_config.parts import StackConfig

OPTIONS = {
    "segment": "the type of every token, 1 unless given, as its data had it",
    "block": "which layer of the base a part replaces, counted from 0",
}
STRUCTURES = {
    "a type of tokens": "`segment={segment}`: there are two types of tokens",
    "a part without its base": "`{path}` holds a part of a model",
    "a base of another task": "the base is a model of task `{task}`, not `masked-lm`",
}
BLOCK_FOLDER = re.compile(r"^block_(\d{1,9})_(\d{1,9})_(\d{1,9})$")
COMBINED = re.compile(r"^block_model_(\d{1,9})\.transformer\.")
DIGITS = 9  # of any number of a layer
LATEST = "BLOCK-latest.pth"


def read_bert_blocks(request: ImportSource) -> ImportResult:
    """Read a whole model, or parts into a base."""
    given = accept_options(request, OPTIONS, "bert-blocks")
    segment = _parse_number(given, "segment", 1)
    if segment > 1:
        raise SynthError(STRUCTURES["a type of tokens"].format(segment=segment), "give 0 or 1")
    if blocks := _find_block_folders(request.path):
        return _read_block_folder(request, blocks, segment)
    file = load_tensors(request.path)
    tensors = file.tensors
    folder = request.path if request.path.is_dir() else request.path.parent
    if any(LAYER.match(name) for name in tensors):
        heads = _heads_by_layer(request, len({int(m[1]) for n in tensors if (m := LAYER.match(n))}))
        imported = import_bert_blocks(tensors, heads, segment)
        return ImportResult(imported, (_segment_note(segment, given),), folder, tensors)
    base = _load_base(request, segment)
    imported = _merge_part(base, tensors, request, given)
    return ImportResult(imported, (f"all that the file lacks is of `{request.base}`",), request.base, tensors)


def _segment_note(segment: int, given: Mapping[str, str]) -> str:
    how = "given" if "segment" in given else "assumed, as the repository's data has it"
    return f"{how}: every token is of type {segment}, which is type 0 here"


def _find_block_folders(path: Path) -> list[tuple[int, int, Path]]:
    """Return (block, heads, file) of each trained attention in a folder."""
    if not path.is_dir():
        return []
    found = [
        (m, folder / LATEST) for folder in sorted(path.iterdir()) if (m := BLOCK_FOLDER.match(folder.name))
    ]
    return [(int(m[1]), int(m[3]), file) for m, file in found if file.is_file()]


def _read_block_folder(
    request: ImportSource, blocks: list[tuple[int, int, Path]], segment: int
) -> ImportResult:
    """Put every attention of a folder in its place."""
    imported = _load_base(request, segment)
    tensors: dict[str, Tensor] = {}
    numbers = [number for number, _, _ in blocks]
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise SynthError(f"`{request.path}` holds block {twice} more than once", "leave the one to import")
    for number, heads, path in blocks:
        part = load_tensors(path).tensors
        imported = _replace_attention(imported, part, number, heads)
        tensors |= {f"block_{number}.{name}": tensor for name, tensor in part.items()}
    note = f"replaced the attention of blocks {', '.join(map(str, numbers))}; the rest is of `{request.base}`"
    return ImportResult(imported, (note,), request.base, tensors)


def _merge_part(
    base: TranslatedModel, tensors: Mapping[str, Tensor], request: ImportSource, given: Mapping[str, str]
) -> TranslatedModel:
    """Put a part that stands alone into its base."""
    if any(COMBINED.match(name) for name in tensors):
        return _replace_all_layers(base, tensors, request)
    if "block" not in given:
        raise refuse_unseen_option("block", "a part says nothing of its place", "`--option block=6`")
    number = _parse_number(given, "block", 0)
    heads = _heads_by_layer(request, 1)[0]
    if any(name.startswith("transformer.") for name in tensors):
        return _replace_two_layers(base, tensors, number, heads)
    return _replace_attention(base, tensors, number, heads)


def _replace_attention(
    base: TranslatedModel, tensors: Mapping[str, Tensor], number: int, heads: int
) -> TranslatedModel:
    """Replace the attention of one block."""
    _check_place(base.config, number, 1)
    mixers = {n: base.config.mixer_of(_get_encoder(base), n) for n in range(_get_encoder(base).layers)}
    changed = {n: mixer.model_dump() for n, mixer in mixers.items()}
    changed[number] = infer_mixer(tensors, "", heads)
    ours = f"encoder.blocks.{number}.mixer"
    kept = {name: t for name, t in base.weights.items() if not name.startswith(f"{ours}.")}
    return _assemble(base, changed, kept, attention_entries(ours, attention_root(tensors, "")), tensors)


def _replace_two_layers(
    base: TranslatedModel, tensors: Mapping[str, Tensor], number: int, heads: int
) -> TranslatedModel:
    """Put one layer in place of two."""
    _check_place(base.config, number, 2)
    layers = _get_encoder(base).layers
    places = {n: n - (n > number) for n in range(layers) if n not in (number, number + 1)}
    mixers = {places[n]: base.config.mixer_of(_get_encoder(base), n).model_dump() for n in places}
    mixers[number] = infer_mixer(tensors, "transformer", heads)
    kept = _renumber_layers(base.weights, places)
    entries = layer_entries(f"encoder.blocks.{number}", "transformer", tensors)
    return _assemble(base, mixers, kept, entries, tensors)


def _replace_all_layers(
    base: TranslatedModel, tensors: Mapping[str, Tensor], request: ImportSource
) -> TranslatedModel:
    """Take every layer and the head of the file, and the embeddings of the base."""
    count = len({int(m[1]) for name in tensors if (m := COMBINED.match(name))})
    heads = _heads_by_layer(request, count)
    mixers, entries = {}, head_entries()
    for number in range(count):
        root = f"block_model_{number}.transformer"
        mixers[number] = infer_mixer(tensors, root, heads[number])
        entries += layer_entries(f"encoder.blocks.{number}", root, tensors)
    kept = {name: t for name, t in base.weights.items() if name.startswith("embeddings.")}
    return _assemble(base, mixers, kept, entries, tensors, is_tied=False)


def _renumber_layers(weights: Mapping[str, Tensor], places: Mapping[int, int]) -> dict[str, Tensor]:
    """Return the weights with layers renumbered, those without a place left out."""
    kept = {}
    for name, tensor in weights.items():
        match = re.match(r"encoder\.blocks\.(\d{1,9})\.(.*)", name)
        if match is None:
            kept[name] = tensor
        elif int(match[1]) in places:
            kept[f"encoder.blocks.{places[int(match[1])]}.{match[2]}"] = tensor
    return kept


def _assemble(
    base: TranslatedModel,
    mixers: Mapping[int, Mapping[str, object]],
    kept: Mapping[str, Tensor],
    entries: list[Entry],
    tensors: Mapping[str, Tensor],
    is_tied: bool = True,
) -> TranslatedModel:
    """Return the base with other layers; every tensor of both has one place."""
    table = base.config.model_dump()
    table["mixer"] = mixers[0]
    own = {n: mixer for n, mixer in mixers.items() if mixer != mixers[0]}
    table["encoder"] |= {"layers": len(mixers), "layer_mixers": own, "mixer": None}
    if not is_tied:
        table["embeddings"]["tie"] = "none"
        table["head"] |= {"transform": True, "bias": True}
    config = ModelConfig.model_validate(table)
    prefix = "base:"  # names of the base, which the file's own must not meet
    everything = {**tensors, **{prefix + name: tensor for name, tensor in kept.items()}}
    both = [*entries, *(Entry(name, prefix + name) for name in kept)]
    return replace(
        translate_tensors(config, both, everything, SPARES), unused=base.unused, reasons=base.reasons
    )


def _load_base(request: ImportSource, segment: int) -> TranslatedModel:
    """Return the model that a part completes: of this repository, or a BERT folder."""
    if request.base is None:
        raise SynthError(
            STRUCTURES["a part without its base"].format(path=request.path),
            "name the model it belongs in: `--base FILE` of the repository, or a folder of BERT",
        )
    if (request.base / "config.json").is_file():
        imported = import_hugging_face(request.base)
    else:
        tensors = load_tensors(request.base).tensors
        count = len({int(m[1]) for name in tensors if (m := LAYER.match(name))})
        width = tensors.get("mask_lm.linear.weight")
        if not count or width is None:
            raise SynthError(
                f"`{request.base}` is no whole model", "take the `BERTLM-latest.pth` it came from"
            )
        imported = import_bert_blocks(tensors, [_base_heads(request, len(width))] * count, segment)
    if imported.config.task != "masked-lm" or imported.config.encoder is None:
        message = STRUCTURES["a base of another task"].format(task=imported.config.task)
        raise SynthError(message, "take the BERT that the part was trained in")
    return imported


def _base_heads(request: ImportSource, width: int) -> int:
    """Return the heads of the repository's BERT: 64 columns each, as Google's have at every size."""
    if width % 64:
        raise SynthError(f"the base of width {width} has no heads of 64 columns", "give the folder of a BERT")
    return width // 64


def _check_place(config: ModelConfig, number: int, taken: int) -> None:
    assert config.encoder is not None
    last = config.encoder.layers - taken
    if number > last:
        raise SynthError(
            f"`block={number}` of a base of {config.encoder.layers} layers", f"allowed: 0 to {last}"
        )


def _get_encoder(imported: TranslatedModel) -> StackConfig:
    assert imported.config.encoder is not None
    return imported.config.encoder


def _heads_by_layer(request: ImportSource, layers: int) -> list[int]:
    """Return the heads of each layer; one number serves them all."""
    if not request.heads:
        raise refuse_unseen_option(
            "heads", "heads share one matrix", "`--heads 12`, or one for each layer: `--heads 12,12,8`"
        )
    if len(request.heads) not in (1, layers):
        message = f"`--heads` names {len(request.heads)} numbers, and there are {layers} layers"
        raise SynthError(message, "give one, or one for each layer")
    return list(request.heads) * (layers if len(request.heads) == 1 else 1)


def _parse_number(given: Mapping[str, str], key: str, default: int) -> int:
    """Return a number from 0 on."""
    value = given.get(key, str(default))
    if not value.isdecimal() or len(value) > DIGITS:
        raise SynthError(f"`{key}={value:.40}` is not a number from 0 on", OPTIONS[key])
    return int(value)
