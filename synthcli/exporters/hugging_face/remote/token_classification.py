"""A classifier of every position, for `AutoModelForTokenClassification`."""

from torch import Tensor, nn
from transformers.modeling_outputs import TokenClassifierOutput
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import SynthEncoderHead
from synthcli.exporters.hugging_face.remote.losses import token_loss


class SynthForTokenClassification(SynthEncoderHead):
    """A logit a class at every position; padding may stand on either side."""

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        assert config.num_labels is not None
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.finish()

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
        """Return logits (batch, length, labels) and the mean loss of labels that are not −100."""
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        seen = self.read(inputs, output_attentions, output_hidden_states, others)
        logits = self.classifier(seen.last_hidden_state)
        loss = None if labels is None else token_loss(logits, labels, num_items_in_batch)
        output = TokenClassifierOutput(
            loss=loss, logits=logits, hidden_states=seen.hidden_states, attentions=seen.attentions
        )
        return self.wrap_output(output, return_dict)
