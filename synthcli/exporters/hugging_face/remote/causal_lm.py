"""A language model for `AutoModelForCausalLM`."""

from torch import Tensor
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.cache import SynthCache
from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.decoder import SynthDecoderModel
from synthcli.exporters.hugging_face.remote.generating import SynthGenerationMixin
from synthcli.exporters.hugging_face.remote.lm_head import build_lm_head
from synthcli.exporters.hugging_face.remote.losses import token_loss
from synthcli.exporters.hugging_face.remote.pretrained import SynthPreTrainedModel, table_of


class SynthForCausalLM(SynthGenerationMixin, SynthPreTrainedModel):
    """Logits of every next token; padding may stand on either side."""

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        table = table_of(config)
        self.model = SynthDecoderModel(config)
        self.head = build_lm_head(table, self.model.embeddings)
        self.finish()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: SynthCache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return logits, the loss where there are labels, and what the next call goes on from.

        `logits_to_keep` are the last positions, or the positions themselves, whose logits are wanted. Losses
        are averaged over labels that are not −100, or summed and divided by `num_items_in_batch`;
        `shift_labels` are labels that stand where their logits do.
        """
        # not in the signature: Trainer would want every argument that has `label` in its name
        shifted = others.pop("shift_labels", None)
        given = (input_ids, attention_mask, position_ids, past_key_values, inputs_embeds, use_cache)
        seen = self.model(*given, return_dict=True, **others)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.head(seen.last_hidden_state[:, kept])
        loss = None
        if shifted is not None:
            assert isinstance(shifted, Tensor)
            loss = token_loss(logits, shifted, num_items_in_batch)
        elif labels is not None:
            loss = token_loss(logits[:, :-1], labels[:, 1:], num_items_in_batch)
        output = CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=seen.past_key_values,
            hidden_states=seen.hidden_states,
            attentions=seen.attentions,
        )
        return self.wrap_output(output, return_dict)
