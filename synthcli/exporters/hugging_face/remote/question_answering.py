"""A model that finds where in a text its answer begins and ends, for `AutoModelForQuestionAnswering`."""

from torch import Tensor, nn
from transformers.modeling_outputs import QuestionAnsweringModelOutput
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import SynthEncoderHead
from synthcli.exporters.hugging_face.remote.label_losses import span_loss

EDGES = 2  # a logit of the first position of an answer, and one of its last


class SynthForQuestionAnswering(SynthEncoderHead):
    """Two logits at every position; padding may stand on either side."""

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        self.qa_outputs = nn.Linear(config.hidden_size, EDGES)
        self.finish()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return logits (batch, length) of both edges and, where both are given, the mean of their losses.

        An edge that is not in the text counts for nothing.
        """
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        seen = self.read(inputs, output_attentions, output_hidden_states, others)
        starts, ends = self.qa_outputs(seen.last_hidden_state).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            losses = [
                span_loss(logits, edge, num_items_in_batch)
                for logits, edge in ((starts, start_positions), (ends, end_positions))
            ]
            loss = (losses[0] + losses[1]) / EDGES
        output = QuestionAnsweringModelOutput(
            loss=loss,
            start_logits=starts,
            end_logits=ends,
            hidden_states=seen.hidden_states,
            attentions=seen.attentions,
        )
        return self.wrap_output(output, return_dict)
