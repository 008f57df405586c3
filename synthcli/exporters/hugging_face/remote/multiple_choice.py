"""A model that chooses one of several texts, for `AutoModelForMultipleChoice`."""

from torch import Tensor, nn
from transformers.modeling_outputs import MultipleChoiceModelOutput
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import SynthEncoderHead, vector_of
from synthcli.exporters.hugging_face.remote.losses import token_loss


class SynthForMultipleChoice(SynthEncoderHead):
    """A logit for each text of a row: (batch, choices, length) → (batch, choices)."""

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        self.classifier = nn.Linear(config.hidden_size, 1)
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
        """Return logits and, where there are labels, the mean cross-entropy of the right choice.

        Inputs have an axis of choices after the batch's; hidden states are those of batch · choices texts.
        """
        given = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        texts = input_ids if inputs_embeds is None else inputs_embeds
        if texts is not None and texts.dim() < (3 if inputs_embeds is None else 4):
            raise ValueError("a row holds several texts to choose from: inputs are (batch, choices, length)")
        inputs = tuple(None if x is None else x.flatten(0, 1) for x in given)
        seen = self.read(inputs, output_attentions, output_hidden_states, others)
        assert texts is not None  # or nothing was read
        logits = self.classifier(vector_of(seen)).view(texts.shape[:2])
        loss = None if labels is None else token_loss(logits, labels, num_items_in_batch)
        output = MultipleChoiceModelOutput(
            loss=loss, logits=logits, hidden_states=seen.hidden_states, attentions=seen.attentions
        )
        return self.wrap_output(output, return_dict)
