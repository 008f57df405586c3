"""Folders with own code, opened by transformers in this process, and what transformers has beside them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.hugging_face.native import as_native, write_native
from synthcli.exporters.hugging_face.remote_code import write_remote_code

MODULES = "transformers_modules"  # the package that transformers makes of the code of folders
ENCODER_LOADERS = (
    "AutoModel",
    "AutoModelForMaskedLM",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
    "AutoModelForMultipleChoice",
)


@contextmanager
def modules_of_their_own(home: Path) -> Iterator[None]:
    """Let transformers keep the code of folders in `home`, and say nothing of weights that are new."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(home))
        patch.syspath_prepend(str(home))
        for name in [name for name in sys.modules if name.partition(".")[0] == MODULES]:
            patch.delitem(sys.modules, name)  # of another home
        level = transformers.logging.get_verbosity()
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        try:
            yield
        finally:
            transformers.logging.set_verbosity(level)


def write_own(bundle: ExportBundle, folder: Path) -> Path:
    """Write a model with own code, even where transformers has a class for it."""
    folder.mkdir(parents=True)
    write_remote_code(bundle, folder)
    return folder


def write_twin(bundle: ExportBundle, folder: Path) -> Path:
    """Write a model as transformers' own."""
    folder.mkdir(parents=True)
    found = as_native(bundle)
    assert found is not None
    write_native(found, folder)
    return folder


def opened(loader: str, folder: Path, **options: Any) -> Any:
    """Return the model of a folder, in evaluation mode."""
    is_own = (folder / "modeling_synth.py").is_file()
    kind = getattr(transformers, loader)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind.from_pretrained(folder, trust_remote_code=is_own, **options).eval()


def ids(*shape: int, seed: int = 0) -> Tensor:
    """Return tokens that are no padding."""
    return torch.randint(4, 250, shape, generator=torch.Generator().manual_seed(seed))


def padded_on(side: str, lengths: tuple[int, ...], longest: int) -> Tensor:
    """Return a mask (batch, longest), 1 at tokens."""
    places = torch.arange(longest)
    rows = torch.tensor(lengths)[:, None]
    real = places < rows if side == "right" else places >= longest - rows
    return real.long()
