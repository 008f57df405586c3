"""What the files beside a vocabulary say of it, where one of them counts and the other does not.

`added_tokens_decoder` of `tokenizer_config.json` is newer than `special_tokens_map.json`, `added_tokens.json`
and the list in `tokenizer.json`: where it is, transformers reads none of these.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from synthcli.errors import SynthError
from synthcli.safe_read import read_json

CONFIG, MODEL_CONFIG = "tokenizer_config.json", "config.json"
SPECIAL_MAP, ADDED = "special_tokens_map.json", "added_tokens.json"
DESCRIBED, PIECES = "tokenizer.json", "vocab.txt"
ENTRIES, MERGES = "vocab.json", "merges.txt"
DECODER = "added_tokens_decoder"
EXTRA, ADDITIONAL = "extra_special_tokens", "additional_special_tokens"  # the second is the older name

BERT, GPT2, PLAIN, OTHER = "BertTokenizer", "GPT2Tokenizer", "PreTrainedTokenizerFast", "other"

# classes by the pipeline they build; the library has several names for BERT's
CLASSES = {
    **dict.fromkeys(
        (
            BERT,
            "DistilBertTokenizer",
            "ElectraTokenizer",
            "LayoutLMTokenizer",
            "LxmertTokenizer",
            "MobileBertTokenizer",
            "SqueezeBertTokenizer",
        ),
        BERT,
    ),
    GPT2: GPT2,
    **dict.fromkeys((PLAIN, "PreTrainedTokenizer", "TokenizersBackend"), PLAIN),
}
# the class of a model whose files name none
MODELS = {
    **dict.fromkeys(("bert", "distilbert", "electra", "ernie", "layoutlm", "lxmert", "megatron-bert"), BERT),
    **dict.fromkeys(("mobilebert", "nezha", "nomic_bert", "qdqbert", "retribert", "squeezebert"), BERT),
    **dict.fromkeys(("codegen", "gpt2", "gpt_neo", "gptj"), GPT2),
}


@dataclass(frozen=True)
class Settings:
    """`values` are the options of `tokenizer_config.json`, those of older files put in where they count."""

    folder: Path
    values: Mapping[str, object]
    model: Mapping[str, object]  # `config.json`

    @cached_property
    def files(self) -> frozenset[str]:
        return frozenset(path.name for path in self.folder.iterdir())

    @cached_property
    def description(self) -> dict[str, object] | None:
        """What `tokenizer.json` says, if there is one."""
        return read_json_table(self.folder / DESCRIBED) if DESCRIBED in self.files else None

    @property
    def class_name(self) -> str | None:
        """The class that reads the folder, without `Fast`, if a file names one."""
        for table, name in ((self.values, CONFIG), (self.model, MODEL_CONFIG)):
            named = table.get("tokenizer_class")
            if named is not None and not isinstance(named, str):
                raise wrong(self.folder / name, "tokenizer_class", named, "a name")
            if named:
                return named if named == PLAIN else named.removesuffix("Fast")
        return None

    @cached_property
    def family(self) -> str:
        """How text is read: as BERT's, GPT-2's, or any other class, or as `tokenizer.json` alone says."""
        if self.class_name is not None:
            return CLASSES.get(self.class_name, OTHER)
        kind = self.model.get("model_type")
        if isinstance(kind, str) and kind in MODELS:
            return MODELS[kind]
        if DESCRIBED in self.files:
            return PLAIN
        if kind is not None:
            return OTHER
        return BERT if PIECES in self.files else GPT2

    def switch(self, key: str, default: bool | None) -> bool | None:
        """Return an option that is true, false or, where that is its default, null."""
        value = self.values.get(key, default)
        if value is None and default is None:
            return None
        if not isinstance(value, bool):
            raise wrong(self.folder / CONFIG, key, value, "true or false")
        return value


def read_tokenizer_settings(folder: Path) -> Settings:
    """Read the tables beside a vocabulary; a file that is not there says nothing."""
    values = _read_table(folder / CONFIG)
    if ADDITIONAL in values and not values.get(EXTRA):
        values[EXTRA] = values.pop(ADDITIONAL)
    if DECODER not in values and (folder / SPECIAL_MAP).is_file():
        values |= _special_map(folder / SPECIAL_MAP, values)
    return Settings(folder, values, _read_table(folder / MODEL_CONFIG))


def _special_map(path: Path, values: Mapping[str, object]) -> dict[str, object]:
    """Return the map as it joins the options: tokens written as tables are special, lists are joined."""
    found = read_json_table(path)
    for key, value in found.items():
        if isinstance(value, dict) and key != EXTRA:
            found[key] = value | {"special": True}
        elif key == EXTRA and isinstance(value, list):
            own = values.get(key) or []
            if not isinstance(own, list):
                raise wrong(path.with_name(CONFIG), key, own, "a list of tokens")
            found[key] = [*own, *(token for token in value if token not in own)]
    return found


def _read_table(path: Path) -> dict[str, object]:
    return read_json_table(path) if path.is_file() else {}


def read_json_table(path: Path) -> dict[str, object]:
    """Return the table of a JSON file."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise ValueError(f"`{path.name}` holds no table")
    return found


def wrong(path: Path, key: str, value: object, wanted: str) -> SynthError:
    """Return what says that a setting has a value it cannot have."""
    return SynthError(
        f"`{key} = {excerpt(value)}` of `{path}` is not {wanted}",
        f"set `{key}` to {wanted}, or leave it out",
    )


def excerpt(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
