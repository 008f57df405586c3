"""Folders of BERT and GPT-2 as the transformers library writes them: nothing is left open."""

from synthcli.errors import SynthError
from synthcli.interop.hugging_face import form_of, import_hugging_face
from synthcli.interop.origins.base import Arrival, Request


def read_hugging_face(request: Request) -> Arrival:
    """Read a model folder."""
    if request.path.is_file():
        raise SynthError(
            f"`{request.path}` is a file, and `--from hf` reads a folder",
            "name the folder that holds `config.json` and `model.safetensors`",
        )
    imported = import_hugging_face(request.path)
    form = form_of(request.path)
    return Arrival(imported, (), request.path, imported.weights, form)
