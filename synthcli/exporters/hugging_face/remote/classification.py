"""A classifier for `AutoModelForSequenceClassification`."""

from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling, SequenceClassifierOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import Inputs, vector_of
from synthcli.exporters.hugging_face.remote.label_head import SynthLabelHead
from synthcli.exporters.hugging_face.remote.label_losses import label_loss


class SynthForSequenceClassification(SynthLabelHead):
    """A logit a class, or the numbers of a regression (batch, labels); padding may stand on either side.

    The loss is that of `problem_type`, averaged.
    """

    output_class = SequenceClassifierOutput

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        assert config.num_labels is not None
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.finish()

    def make_logits(self, seen: BaseModelOutputWithPooling, inputs: Inputs) -> Tensor:
        return self.classifier(vector_of(seen))

    def make_loss(self, logits: Tensor, labels: Tensor, count: Tensor | int | None) -> Tensor:
        return label_loss(self.config, logits, labels, count)
