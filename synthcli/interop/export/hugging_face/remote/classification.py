"""A classifier for `AutoModelForSequenceClassification`."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from transformers.modeling_outputs import SequenceClassifierOutput

from synthcli.interop.export.hugging_face.remote.padding import Turn, padding_of
from synthcli.interop.export.hugging_face.remote.pretrained import SynthPreTrainedModel, table_of
from synthcli.model.tasks import Classifier


class SynthForSequenceClassification(SynthPreTrainedModel):
    """A logit a class, or one number of a regression; padding may stand on either side."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = Classifier(table_of(config))
        self.finish()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **others: Any,
    ) -> Any:
        """Return logits and, where there are labels, cross-entropy or squared error, averaged."""
        logits = decision(self.model, input_ids, attention_mask, token_type_ids)
        loss = None
        if labels is not None and self.config.problem_type == "regression":
            loss = F.mse_loss(logits[:, 0].float(), labels.float().flatten())
        elif labels is not None:
            loss = F.cross_entropy(logits.float(), labels.flatten())
        output = SequenceClassifierOutput(loss=loss, logits=logits)
        return output if return_dict is None or return_dict else output.to_tuple()


def decision(model: Any, tokens: Tensor, mask: Tensor | None, types: Tensor | None) -> Tensor:
    """Return the logits of (batch, length), or of (batch, choices, length) where a model chooses."""
    shape, turn = tokens.shape, Turn(None if mask is None else mask.flatten(0, -2))

    def turned(rows: Any) -> Any:
        return None if rows is None else turn.to_front(rows.flatten(0, -2)).view(shape)

    tokens, mask, types = turned(tokens), turned(mask), turned(types)
    has_types = model.embeddings.token_types is not None
    logits: Tensor = model(tokens, padding_of(mask), types if has_types else None)
    return logits
