"""What the classes that predict labels have in common."""

from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.encoder import Inputs, SynthEncoderHead
from synthcli.exporters.hugging_face.remote.losses import token_loss


class SynthLabelHead(SynthEncoderHead):
    """Logits and a loss, as an `output_class` of transformers; a subclass defines `make_logits`."""

    output_class: type[ModelOutput]

    def make_logits(self, seen: BaseModelOutputWithPooling, inputs: Inputs) -> Tensor:
        """Return logits out of what the encoder makes of the inputs."""
        raise NotImplementedError

    def make_loss(self, logits: Tensor, labels: Tensor, count: Tensor | int | None) -> Tensor:
        """Return the mean loss of labels that are not −100, or their sum divided by `count`."""
        return token_loss(logits, labels, count)

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
        """Return logits and, where there are labels, the loss."""
        inputs = (input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds)
        seen = self.read(inputs, output_attentions, output_hidden_states, others)
        logits = self.make_logits(seen, inputs)
        loss = None if labels is None else self.make_loss(logits, labels, num_items_in_batch)
        states, maps = seen.hidden_states, seen.attentions
        output = self.output_class(loss=loss, logits=logits, hidden_states=states, attentions=maps)
        return self.wrap_output(output, return_dict)
