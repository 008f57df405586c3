"""The model to be compressed, never trained: a checkpoint of ours, or a Hugging Face folder."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synthcli.data.tokenizers import Tokenizer
from synthcli.data.tokenizers.convert_published import read_wordpiece
from synthcli.data.tokenizers.gpt2 import Gpt2Tokenizer
from synthcli.data.tokenizers.hugging_face import load_published
from synthcli.device import current_device, device_of
from synthcli.errors import SynthError
from synthcli.importers.hugging_face import load_hugging_face, read_text_form
from synthcli.importers.hugging_face.options import CONFIG, read_config_options
from synthcli.model import ModelConfig
from synthcli.model.interface import get_config
from synthcli.training.checkpoints import FOLDER, load_checkpoint, model_of
from synthcli.training.manifest import MANIFEST
from synthcli.training.weights import weights_of

# how a foreign folder was read before its settings were, by its `model_type`: students of then have these ids
FORMER: dict[str, Callable[[Path], Tokenizer]] = {"bert": read_wordpiece, "gpt2": Gpt2Tokenizer.load}
# settings of a configuration that came later, with their defaults
LATER = {"class_names": None, "skip_from": "stream", "projection": "both", "gate_init": 0.5}
TASKS = ("masked-lm", "causal-lm", "classification")


@dataclass(frozen=True)
class Teacher:
    """`model` is in evaluation mode and has no gradient; `hash` is that of configuration and weights.

    `former` is the hash that its tokenizer has in what was made before a folder's settings were read.
    """

    name: str
    path: Path
    config: ModelConfig
    model: nn.Module
    tokenizer: Tokenizer
    hash: str
    former: str | None = None

    @property
    def device(self) -> torch.device:
        """Where it runs, and its students and their texts with it."""
        return device_of(self.model)

    def with_model(self, model: nn.Module) -> "Teacher":
        """Return another model, such as a student, in this one's place."""
        config = get_config(model)
        return replace(self, model=frozen(model), config=config, hash=model_hash(config, model))

    def reads_like(self, tokenizer_hash: str) -> bool:
        """Whether texts have the same ids for the teacher as for a tokenizer, special tokens aside."""
        return tokenizer_hash in (self.tokenizer.hash, self.former)

    @property
    def marks(self) -> tuple[int, int, int]:
        """bos, eos and pad as the model knows them: GPT-2 has one mark for all, and ours stand after it."""
        tokenizer, known = self.tokenizer, self.config.vocab_size
        marks = (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id)
        bos, eos, pad = (mark if mark < known else tokenizer.unk_id for mark in marks)
        return bos, eos, pad


def open_teacher(path: Path) -> Teacher:
    """Load a checkpoint, the last of a run, or a Hugging Face folder."""
    if not path.is_dir():
        what = "is no folder" if path.exists() else "does not exist"
        raise SynthError(f"teacher `{path}` {what}", "name a run, a checkpoint, or a Hugging Face folder")
    is_ours = (path / MANIFEST).is_file() or (path / FOLDER).is_dir() or path.name == FOLDER
    if is_ours or not (path / CONFIG).is_file():
        checkpoint = load_checkpoint(path)
        return _teacher(path, checkpoint.path, model_of(checkpoint), checkpoint.tokenizer)
    model, tokenizer = load_hugging_face(path), load_published(path)
    tokenizer.form = read_text_form(path)
    teacher = _teacher(path, path, model, tokenizer)
    former = FORMER.get(str(read_config_options(path).values["model_type"]))
    with suppress(SynthError):
        teacher = teacher if former is None else replace(teacher, former=former(path).hash)
    return teacher


def _teacher(named: Path, path: Path, model: nn.Module, tokenizer: Tokenizer) -> Teacher:
    config = get_config(model)
    if config.task not in TASKS:
        allowed = ", ".join(f"`{task}`" for task in TASKS)
        raise SynthError(f"teacher `{named}` is a `{config.task}` model", f"teachers are for {allowed}")
    own_hash = model_hash(config, model)
    model = frozen(model).to(current_device())
    return Teacher(str(named), path, config, model, tokenizer, own_hash)


def frozen(model: nn.Module) -> nn.Module:
    """Return the model itself, in evaluation mode and without gradients."""
    return model.eval().requires_grad_(False)


def model_hash(config: ModelConfig, model: nn.Module) -> str:
    """Return the sha256 of a configuration and of every tensor by name.

    Accounts of students hold it: a setting that came later counts only where it changes something, or the
    teacher of an older version would be another one.
    """
    digest = hashlib.sha256(config.model_dump_json(exclude=later_in(config.model_dump())).encode())
    for name, tensor in weights_of(model).items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def later_in(part: Any) -> dict[Any, Any]:
    """Return where settings of `LATER` stand at their defaults, as pydantic's `exclude` takes them."""
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, tuple) else ()
    found: dict[Any, Any] = {}
    for key, value in items:
        if key in LATER and type(value) is type(LATER[key]) and value == LATER[key]:
            found[key] = True
        elif within := later_in(value):
            found[key] = within
    return found
