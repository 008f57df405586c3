"""A classifier of every position, for `AutoModelForTokenClassification`."""

from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling, TokenClassifierOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import Inputs
from synthcli.exporters.hugging_face.remote.label_head import SynthLabelHead


class SynthForTokenClassification(SynthLabelHead):
    """A logit a class at every position (batch, length, labels); padding may stand on either side.

    The loss is the mean of labels that are not −100.
    """

    output_class = TokenClassifierOutput

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        assert config.num_labels is not None
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.finish()

    def make_logits(self, seen: BaseModelOutputWithPooling, inputs: Inputs) -> Tensor:
        return self.classifier(seen.last_hidden_state)
