"""A masked language model for `AutoModelForMaskedLM`."""

from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling, MaskedLMOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.encoder import Inputs
from synthcli.exporters.hugging_face.remote.label_head import SynthLabelHead
from synthcli.exporters.hugging_face.remote.lm_head import build_lm_head, build_transform, replace_head
from synthcli.exporters.hugging_face.remote.pretrained import table_of
from synthcli.model.dropout import Dropout


class SynthForMaskedLM(SynthLabelHead):
    """Logits of every position; padding may stand on either side."""

    output_class = MaskedLMOutput

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

    def make_logits(self, seen: BaseModelOutputWithPooling, inputs: Inputs) -> Tensor:
        hidden = self.dropout(seen.last_hidden_state)
        return self.head(hidden if self.transform is None else self.transform(hidden))
