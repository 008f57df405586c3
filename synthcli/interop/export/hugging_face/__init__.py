"""`hf`: a folder that transformers loads.

What transformers has a class for leaves without code (`native`); anything else brings its own
(`remote_code`): the classes of `remote` with what they reach of `synthcli.model`.
"""

from pathlib import Path

from synthcli.interop.export.hugging_face.remote_code import write_remote_code
from synthcli.interop.export.leaving import ExportOptions, Leaving


def write_hugging_face(leaving: Leaving, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with configuration, weights, tokenizer and model card."""
    write_remote_code(leaving, folder)


__all__ = ["write_hugging_face"]
