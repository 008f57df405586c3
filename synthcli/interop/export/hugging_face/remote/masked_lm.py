"""A masked language model for `AutoModelForMaskedLM`."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from transformers.modeling_outputs import MaskedLMOutput

from synthcli.interop.export.hugging_face.remote.padding import Turn, padding_of
from synthcli.interop.export.hugging_face.remote.pretrained import SynthPreTrainedModel, table_of
from synthcli.model.tasks import MaskedLM


class SynthForMaskedLM(SynthPreTrainedModel):
    """Logits of every position; padding may stand on either side."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = MaskedLM(table_of(config))
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
        """Return logits and, where there are labels, the mean loss of those that are not −100."""
        turn = Turn(attention_mask)
        mask = None if attention_mask is None else turn.to_front(attention_mask)
        types = None if token_type_ids is None else turn.to_front(token_type_ids)
        has_types = self.model.embeddings.token_types is not None
        logits = self.model(turn.to_front(input_ids), padding_of(mask), types if has_types else None)
        logits = turn.back(logits)
        loss = None if labels is None else F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())
        output = MaskedLMOutput(loss=loss, logits=logits)
        return output if return_dict is None or return_dict else output.to_tuple()
