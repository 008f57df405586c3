"""A masked language model for `AutoModelForMaskedLM`."""

from torch import Tensor, nn
from transformers.modeling_outputs import MaskedLMOutput
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import SynthEncoderHead
from synthcli.exporters.hugging_face.remote.lm_head import build_lm_head, build_transform, replace_head
from synthcli.exporters.hugging_face.remote.losses import token_loss
from synthcli.exporters.hugging_face.remote.pretrained import table_of
from synthcli.model.dropout import Dropout


class SynthForMaskedLM(SynthEncoderHead):
    """Logits of every position; padding may stand on either side."""

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        table = table_of(config)
        self.dropout = Dropout(table.head.dropout)
        self.transform = build_transform(table)
        self.head = build_lm_head(table, self.model.embeddings)
        self.finish()

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.head = replace_head(self.head, new_embeddings)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return logits and, where there are labels, the mean loss of those that are not −100."""
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        seen = self.read(inputs, output_attentions, output_hidden_states, others)
        hidden = self.dropout(seen.last_hidden_state)
        logits = self.head(hidden if self.transform is None else self.transform(hidden))
        loss = None if labels is None else token_loss(logits, labels, num_items_in_batch)
        output = MaskedLMOutput(
            loss=loss, logits=logits, hidden_states=seen.hidden_states, attentions=seen.attentions
        )
        return self.wrap_output(output, return_dict)
