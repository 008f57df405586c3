"""`hf`: a folder that transformers loads.

What transformers has a class for leaves without code (`native`); anything else brings its own
(`remote_code`): the classes of `remote` with what they reach of `synthcli.model`.
"""

from pathlib import Path

from synthcli.exporters.export_bundle import ExportBundle, ExportOptions
from synthcli.exporters.hugging_face.auto_classes import LOADERS, get_kind
from synthcli.exporters.hugging_face.card import write_card
from synthcli.exporters.hugging_face.eval_results import write_eval_results
from synthcli.exporters.hugging_face.generation import write_generation
from synthcli.exporters.hugging_face.native import as_native, write_native
from synthcli.exporters.hugging_face.pad_layers import padding_notes
from synthcli.exporters.hugging_face.remote_code import write_remote_code
from synthcli.exporters.hugging_face.tokenizer_files import write_tokenizer


def write_hugging_face(bundle: ExportBundle, folder: Path, options: ExportOptions) -> None:
    """Fill a folder with configuration, weights, tokenizer, model card and results on benchmarks."""
    kind, found = get_kind(bundle.config), as_native(bundle)
    notes: list[str] = []
    if found is None:
        write_remote_code(bundle, folder)
    else:
        write_native(found, folder)
        notes += padding_notes(bundle.config)
    write_generation(bundle, folder)
    if bundle.tokenizer is not None:
        notes += write_tokenizer(bundle.tokenizer, bundle.config, folder)
    write_card(bundle, folder, kind, LOADERS[kind], found is None, tuple(notes))
    if bundle.card.benchmarks:
        write_eval_results(bundle.card.benchmarks, folder)


__all__ = ["write_hugging_face"]
