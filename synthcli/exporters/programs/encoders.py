"""Encoders: tokens, a mask and token types in, logits out."""

import torch
from torch import Tensor, nn

from synthcli.exporters.export_bundle import ExportBundle
from synthcli.exporters.programs.form import BATCH, LENGTH, Form, Port, mask_port, tokens_port

CHOICES = "choices"
ABOUT = {
    "masked-lm": "the logits of every position",
    "classification": "the logits of each text, or of each set of texts to choose from",
}


class Encoder(nn.Module):
    """`attention_mask` is 1 at tokens; `token_type_ids` only where the model has them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, *token_type_ids: Tensor) -> Tensor:
        more = {"token_types": token_type_ids[0]} if token_type_ids else {}
        return self.model(input_ids, padding=attention_mask == 0, **more)


def make_masked_lm_forms(bundle: ExportBundle) -> list[Form]:
    """Return the one form of a masked-language model."""
    return [_form(bundle, (BATCH, LENGTH))]


def classification_forms(bundle: ExportBundle) -> list[Form]:
    """Return the one form of a classifier; one that chooses reads several texts a row."""
    is_choice = bundle.config.head.output == "choice"
    return [_form(bundle, (BATCH, CHOICES, LENGTH) if is_choice else (BATCH, LENGTH))]


def _form(bundle: ExportBundle, axes: tuple[str, ...]) -> Form:
    ports = [tokens_port("input_ids", bundle, *axes), mask_port("attention_mask", bundle, *axes)]
    if bundle.config.embeddings.token_types:
        like = ports[0].example
        types = torch.zeros_like(like)
        ports.append(Port("token_type_ids", types, dict(enumerate(axes))))
    longest = bundle.config.max_source_length
    assert longest is not None
    return Form(
        "model",
        ABOUT[bundle.config.task],
        Encoder(bundle.model),
        tuple(ports),
        ("logits",),
        {LENGTH: longest},
    )
