"""Every line of the bench on every model it names, a test each.

`make clients-check` runs them: they need packages that the ordinary tests do without.
"""

import os
from pathlib import Path

from tests.clients import offline  # before transformers is imported

# isort: split
from importlib import import_module

import pytest
import torch

from tests.clients.lines import LINES, Line
from tests.clients.subjects import read_subject, write_subjects

assert offline.HOME
MODELS = "SYNTH_CLIENT_MODELS"  # where they were written already

PAIRS = [
    pytest.param(line, model, id=f"{line.name}-{model}", marks=pytest.mark.xdist_group(line.program))
    for line in LINES
    for model in line.models
]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all models."""
    if MODELS in os.environ:
        return Path(os.environ[MODELS])
    folder = tmp_path_factory.mktemp("models")
    write_subjects(folder)
    return folder


@pytest.mark.parametrize(("line", "model"), PAIRS)
def test_a_program_takes_a_model(line: Line, model: str, root: Path, tmp_path: Path) -> None:
    """It does what it does with transformers' own, or fails as the line says."""
    torch.manual_seed(0)  # new heads and adapters are the same whatever ran before
    run = getattr(import_module(f"tests.clients.programs.{line.program}"), line.function)
    exemption = line.exemption(model)
    if exemption is None:
        run(read_subject(model, root), tmp_path)
    else:
        with pytest.raises(Exception, match=exemption.says):
            run(read_subject(model, root), tmp_path)
