"""The options of a `config.json`: every value is checked for its type, and what is refused is named."""

import json
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path

from synthcli.errors import SynthError, did_you_mean
from synthcli.importers.refusals import Only, check_options
from synthcli.safe_read import inside, read_json

CONFIG = "config.json"
FORM = "text_form"  # what a folder of ours says of how texts of several fields are read
NO_NAME = "LABEL_"  # with its number: what transformers calls a class that nobody named

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu-tanh",
    "gelu_fast": "gelu-tanh",
    "gelu_pytorch_tanh": "gelu-tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}


@dataclass(frozen=True)
class Options:
    """What the file says; an absent key takes the default its family gives."""

    path: Path
    values: Mapping[str, object]

    def whole(self, key: str, default: int) -> int:
        """Return a positive whole number."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._wrong(key, value, "a positive whole number")
        return value

    def layers(self, key: str, default: int, tensors: Sized) -> int:
        """Return a number of layers; each has a tensor at least."""
        value = self.whole(key, default)
        if value > len(tensors):
            raise SynthError(
                f"`{key} = {value}` of `{self.path}`, and there are {len(tensors)} tensors",
                "the weights are incomplete, or of another model",
            )
        return value

    def number(self, key: str, default: float) -> float:
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong(key, value, "a number")
        return float(value)

    def switch(self, key: str, default: bool) -> bool:
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def one_of(self, key: str, known: Iterable[str], default: str | None = None) -> str:
        """Return the value, one of the words in `known`."""
        value, words = self._value(key, default), list(known)
        if not isinstance(value, str) or value not in words:
            raise SynthError(f"`{key} = {_as_json(value)}` of `{self.path}`", did_you_mean(str(value), words))
        return value

    def activation(self, key: str, default: str) -> str:
        """Return our name of an activation function."""
        return ACTIVATIONS[self.one_of(key, ACTIVATIONS, default)]

    def architecture(self, known: Iterable[str]) -> str | None:
        """Return the class the weights were saved from, or None where the file does not say."""
        value, words = self._value("architectures", []), list(known)
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise self._wrong("architectures", value, "a list of names")
        if value and value[0] not in words:
            allowed = "allowed: " + ", ".join(f"`{word}`" for word in words)
            raise SynthError(f"a model `{value[0]}` cannot be imported (`{self.path}`)", allowed)
        return value[0] if value else None

    def class_names(self, number: int) -> tuple[str, ...] | None:
        """Return the names of so many classes in the order of their numbers, None where nobody named them."""
        table = self._value("id2label", {})
        if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
            raise self._wrong("id2label", table, "a table of names")
        if not table:
            return None
        names = tuple(table[str(place)] for place in range(number) if str(place) in table)
        if not len(table) == len(names) == len(set(names)) == number:
            wanted = f"a name of its own for each of the classes 0 to {number - 1}"
            raise self._wrong("id2label", table, wanted)
        back = self._value("label2id", {})
        if back and back != {name: place for place, name in enumerate(names)}:
            raise self._wrong("label2id", back, "`id2label` the other way round")
        return None if names == tuple(f"{NO_NAME}{place}" for place in range(number)) else names

    def check(self, rules: Iterable[Only]) -> None:
        """Raise where an option has a value that we cannot express."""
        check_options(rules, self.values, f"`{self.path}`", _as_json)

    def _value(self, key: str, default: object) -> object:
        value = self.values.get(key)
        return default if value is None else value

    def _wrong(self, key: str, value: object, wanted: str) -> SynthError:
        return SynthError(
            f"`{key} = {_as_json(value)}` of `{self.path}` is not {wanted}", "is the file damaged?"
        )


def read_config_options(folder: Path) -> Options:
    """Read the configuration of a model folder."""
    path = folder / CONFIG
    if not folder.is_dir():
        raise SynthError(f"there is no folder `{folder}`", "name a folder that holds a `config.json`")
    try:
        values = read_json(inside(path, folder))
    except FileNotFoundError as error:
        hint = "a model folder holds `config.json` and `model.safetensors`"
        raise SynthError(f"`{folder}` holds no `{CONFIG}`", hint) from error
    except (OSError, ValueError) as error:
        raise SynthError(f"`{path}` cannot be read as JSON", "copy the folder anew") from error
    if not isinstance(values, dict):
        raise SynthError(f"`{path}` holds no table of options", "copy the folder anew")
    if "model_type" not in values:
        raise SynthError(f"`{path}` names no `model_type`", "is it the folder of a Hugging Face model?")
    return Options(path, values)


def _as_json(value: object) -> str:
    return json.dumps(value, default=str)
