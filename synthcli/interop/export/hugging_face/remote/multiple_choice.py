"""A model that chooses one of several texts, for `AutoModelForMultipleChoice`."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from transformers.modeling_outputs import MultipleChoiceModelOutput

from synthcli.interop.export.hugging_face.remote.classification import decision
from synthcli.interop.export.hugging_face.remote.pretrained import SynthPreTrainedModel, table_of
from synthcli.model.tasks import Classifier


class SynthForMultipleChoice(SynthPreTrainedModel):
    """A logit for each text of a row: (batch, choices, length) → (batch, choices)."""

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
        """Return logits and, where there are labels, the mean cross-entropy of the right choice."""
        logits = decision(self.model, input_ids, attention_mask, token_type_ids)
        loss = None if labels is None else F.cross_entropy(logits.float(), labels.flatten())
        output = MultipleChoiceModelOutput(loss=loss, logits=logits)
        return output if return_dict is None or return_dict else output.to_tuple()
