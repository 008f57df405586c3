"""`python -I opening.py PARITY ROOT`: open every folder in ROOT without the project, and print what is found.

It is run by the tests in their own environment, and by `fresh_environment.py` in one that holds nothing but
torch, transformers and safetensors.
"""

import contextlib
import functools
import io
import json
import os
import re
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

REFUSED = ("synthcli", "jaxtyping")


class Refusal(MetaPathFinder):
    """Lets nothing import what an exported folder must do without."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] in REFUSED:
            raise ImportError(f"`{name}` was imported")


def opened(folder: Path) -> dict[str, Any]:
    """Return the certificate of a folder, what its card's own lines print, and more that a user does."""
    from parity.hugging_face_folder import check_folder
    from parity.reference import RecordedModel

    report = check_folder(folder, RecordedModel.read(folder.with_suffix(".safetensors")))
    return report | {"printed": snippet_of(folder), **generating(folder)}


def snippet_of(folder: Path) -> str:
    """Run the lines of the card where they say, and return what they print."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert code is not None
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code[1], {})
    return printed.getvalue()


def generating(folder: Path) -> dict[str, Any]:
    """Return whether beam search is the same with the cache and without, and a copy saved by transformers."""
    import torch
    import transformers

    options = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = next((key for key in options.get("auto_map", {}) if key != "AutoConfig"), None)
    if name not in ("AutoModelForCausalLM", "AutoModelForSeq2SeqLM"):
        return {}
    loader = getattr(transformers, name)
    model = loader.from_pretrained(folder, trust_remote_code=True)
    tokens = torch.tensor([[0, 0, 9, 30], [7, 8, 9, 10], [0, 5, 6, 7]])
    settings = {"attention_mask": (tokens > 0).long(), "max_new_tokens": 12, "num_beams": 3}
    found = [model.generate(tokens, use_cache=use_cache, **settings) for use_cache in (True, False)]
    model.save_pretrained(folder / "again")
    again = loader.from_pretrained(folder / "again", trust_remote_code=True)
    same = all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    return {"beams_agree": torch.equal(*found), "saves": same, "tied": count(model) == count(again)}


def count(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def parse_code_once() -> None:
    """Let transformers parse a folder's code once, where it would for each class and each opening."""
    from transformers import dynamic_module_utils

    dynamic_module_utils.get_imports = functools.cache(dynamic_module_utils.get_imports)


def main(parity: str, root: str) -> None:
    sys.meta_path.insert(0, Refusal())
    sys.path.insert(0, parity)
    parse_code_once()
    found = {}
    for folder in sorted(Path(root).iterdir()):
        if folder.is_dir():
            try:
                found[folder.name] = opened(folder)
            except Exception as error:
                found[folder.name] = {"holds": False, "reasons": [f"{type(error).__name__}: {error}"]}
    sys.__stdout__.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
