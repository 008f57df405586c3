"""Runs the lines that the page of an exported folder shows, as its reader would."""

import contextlib
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.parity_reference import decode_greedily
from synthcli.exporters.programs.readme import prompt_limit

WRITES = ("causal-lm", "seq2seq")


def shown(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the names that the page's lines define, and what they print."""
    code = (folder / "README.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, names)
    return names, printed.getvalue()


@torch.no_grad()
def expected(bundle: ExportBundle, names: dict[str, Any]) -> list[int]:
    """Return what our model writes in place of the page's `written`."""
    text = names["tokenizer"].encode("Two dogs play in the snow.").ids
    prompt = torch.tensor(text[: prompt_limit(bundle)])
    tokens: Tensor = decode_greedily(bundle, bundle.model, prompt, len(names["written"]))[0]
    return [int(token) for token in tokens]
