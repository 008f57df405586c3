"""Folders of the Hugging Face format, `config.json` and safetensors, read without its library.

Adding a family is a file here and a line in `FAMILIES`, by the `model_type` of its configuration.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from synthcli.data.tokenizers.base import FORMS, NAMED, PLAIN
from synthcli.errors import SynthError
from synthcli.importers.base import ImportResult, ImportSource
from synthcli.importers.hugging_face.bert import import_bert
from synthcli.importers.hugging_face.gpt2 import import_gpt2
from synthcli.importers.hugging_face.options import CONFIG, FORM, Options, read_config_options
from synthcli.importers.hugging_face.own_export import import_own, is_own
from synthcli.importers.hugging_face.weights import read_weights, refuse_adapter
from synthcli.importers.translate import TranslatedModel, build_translated, explain_refusal

FAMILIES: dict[str, Callable[[Options, Mapping[str, Tensor]], TranslatedModel]] = {
    "bert": import_bert,
    "gpt2": import_gpt2,
}


def import_hugging_face(folder: Path) -> TranslatedModel:
    """Read a model folder; whatever ours cannot express is refused by name."""
    refuse_adapter(folder)
    options = read_config_options(folder)
    family = import_own if is_own(options) else FAMILIES[options.one_of("model_type", FAMILIES)]
    with explain_refusal(f"`{folder / CONFIG}` describes"):
        return family(options, read_weights(folder))


def read_text_form(folder: Path) -> str:
    """Return the form in which a classifier was given its texts: as its folder says.

    One that says nothing, and is of other people, was given them as they are.
    """
    options = read_config_options(folder)
    return options.one_of(FORM, FORMS, NAMED if is_own(options) else PLAIN)


def load_hugging_face(folder: Path) -> nn.Module:
    """Build the model of such a folder with its weights, in evaluation mode; no generator notices."""
    imported = import_hugging_face(folder)
    with torch.random.fork_rng(devices=[]):
        return build_translated(imported).eval()


def read_hugging_face(request: ImportSource) -> ImportResult:
    """Read a model folder."""
    if request.path.is_file():
        raise SynthError(
            f"`{request.path}` is a file, and `--from hf` reads a folder",
            "name the folder that holds `config.json` and `model.safetensors`",
        )
    imported = import_hugging_face(request.path)
    form = read_text_form(request.path)
    return ImportResult(imported, (), request.path, imported.weights, form)
