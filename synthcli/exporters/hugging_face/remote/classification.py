"""A classifier for `AutoModelForSequenceClassification`."""

from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import SynthEncoderHead, vector_of
from synthcli.exporters.hugging_face.remote.label_losses import label_loss


class SynthForSequenceClassification(SynthEncoderHead):
    """A logit a class, or the numbers of a regression; padding may stand on either side."""

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
        """Return logits (batch, labels) and, where there are labels, the loss of `problem_type`, averaged."""
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        seen = self.read(inputs, output_attentions, output_hidden_states, others)
        logits = self.classifier(vector_of(seen))
        loss = None if labels is None else label_loss(self.config, logits, labels, num_items_in_batch)
        output = SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=seen.hidden_states, attentions=seen.attentions
        )
        return self.wrap_output(output, return_dict)
