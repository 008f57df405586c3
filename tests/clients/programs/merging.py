"""mergekit: a model between two of one architecture."""

import shutil
from pathlib import Path

import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge

from tests.clients.examples import difference, encode, logits_of
from tests.clients.subjects import Subject

BETWEEN = """\
merge_method: slerp
base_model: A
models: [{model: A}, {model: B}]
parameters: {t: SHARE}
dtype: float32
"""


def merge_slerp(subject: Subject, folder: Path) -> None:
    """No step from a model towards another is the model; half the way is neither.

    mergekit leaves Python files behind: they are copied beside what it wrote.
    """
    other = subject.load()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.5).add_(0.01)
    other.save_pretrained(folder / "other")
    subject.tokenizer.save_pretrained(folder / "other")
    inputs = encode(subject)
    own = logits_of(subject.load(), inputs)
    text = BETWEEN.replace("A}", f"{subject.folder}}}").replace(" A\n", f" {subject.folder}\n")
    text = text.replace("B}", f"{folder / 'other'}}}")
    for share in ("0.0", "0.5"):
        config = MergeConfiguration.model_validate(yaml.safe_load(text.replace("SHARE", share)))
        options = MergeOptions(trust_remote_code=True, copy_tokenizer=True, quiet=True)
        run_merge(config, str(folder / share), options)
        for code in subject.folder.glob("*.py"):
            shutil.copy(code, folder / share)
        found = logits_of(subject.load(folder=folder / share), inputs)
        assert (difference(found, own) < 1e-5) == (share == "0.0")
