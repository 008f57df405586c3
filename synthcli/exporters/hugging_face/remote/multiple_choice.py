"""A model that chooses one of several texts, for `AutoModelForMultipleChoice`."""

from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling, MultipleChoiceModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import Inputs, vector_of
from synthcli.exporters.hugging_face.remote.label_head import SynthLabelHead


class SynthForMultipleChoice(SynthLabelHead):
    """A logit for each text of a row: (batch, choices, length) → (batch, choices).

    The loss is the mean cross-entropy of the right choice; hidden states are those of batch · choices texts.
    """

    output_class = MultipleChoiceModelOutput

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.finish()

    def read(
        self,
        inputs: Inputs,
        output_attentions: bool | None,
        output_hidden_states: bool | None,
        others: dict[str, object],
    ) -> BaseModelOutputWithPooling:
        """Return what the encoder makes of all texts side by side."""
        texts, axes = (inputs[0], 3) if inputs[4] is None else (inputs[4], 4)
        if texts is not None and texts.dim() < axes:
            raise ValueError("a row holds several texts to choose from: inputs are (batch, choices, length)")
        flat = tuple(None if x is None else x.flatten(0, 1) for x in inputs)
        return super().read(flat, output_attentions, output_hidden_states, others)

    def make_logits(self, seen: BaseModelOutputWithPooling, inputs: Inputs) -> Tensor:
        texts = inputs[0] if inputs[4] is None else inputs[4]
        assert texts is not None  # or nothing was read
        return self.classifier(vector_of(seen)).view(texts.shape[:2])
