"""A model as programs of tensors alone: what each takes, what it gives, which axes are free.

A task is one form or several (`FORMS`); `trace.py` makes a form a program of torch.
"""

from collections.abc import Callable

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.programs.decoders import causal_forms, seq2seq_forms
from synthcli.exporters.programs.encoders import classification_forms, make_masked_lm_forms
from synthcli.exporters.programs.form import Form, Port

FORMS: dict[str, Callable[[ExportBundle], list[Form]]] = {
    "causal-lm": causal_forms,
    "masked-lm": make_masked_lm_forms,
    "seq2seq": seq2seq_forms,
    "classification": classification_forms,
}

__all__ = ["FORMS", "Form", "Port"]
