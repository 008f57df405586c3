"""`hf`: a folder that transformers loads.

What transformers has a class for leaves without code (`native`); anything else brings its own
(`remote_code`): the classes of `remote` with what they reach of `synthcli.model`.
"""

from pathlib import Path

from synthcli.exporters.export_bundle import ExportOptions, Leaving
from synthcli.exporters.hugging_face.auto_classes import LOADERS, kind_of
from synthcli.exporters.hugging_face.card import write_card
from synthcli.exporters.hugging_face.eval_results import write_eval_results
from synthcli.exporters.hugging_face.generation import write_generation
from synthcli.exporters.hugging_face.native import native, write_native
from synthcli.exporters.hugging_face.pad_layers import padding_notes
from synthcli.exporters.hugging_face.remote_code import write_remote_code
from synthcli.exporters.hugging_face.tokenizer_files import write_tokenizer


def write_hugging_face(leaving: Leaving, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with configuration, weights, tokenizer, model card and results on benchmarks."""
    kind, found = kind_of(leaving.config), native(leaving)
    notes: list[str] = []
    if found is None:
        write_remote_code(leaving, folder)
    else:
        write_native(found, folder)
        notes += padding_notes(leaving.config)
    write_generation(leaving, folder)
    if leaving.tokenizer is not None:
        notes += write_tokenizer(leaving.tokenizer, leaving.config, folder)
    write_card(leaving, folder, kind, LOADERS[kind], found is None, tuple(notes))
    if leaving.card.benchmarks:
        write_eval_results(leaving.card.benchmarks, folder)


__all__ = ["write_hugging_face"]
