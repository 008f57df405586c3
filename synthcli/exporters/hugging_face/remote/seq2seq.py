"""An encoder-decoder for `AutoModelForSeq2SeqLM`."""

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import Seq2SeqLMOutput
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.cache import SynthCache
from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.generating import SynthGenerationMixin
from synthcli.exporters.hugging_face.remote.lm_head import build_lm_head
from synthcli.exporters.hugging_face.remote.losses import token_loss
from synthcli.exporters.hugging_face.remote.pretrained import SynthPreTrainedModel, table_of
from synthcli.exporters.hugging_face.remote.seq2seq_model import SynthSeq2SeqModel

IGNORED = -100  # a label that counts for nothing


class SynthForSeq2SeqLM(SynthGenerationMixin, SynthPreTrainedModel):
    """Logits of every next target token; padding of sources and targets may stand on either side."""

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        self.model = SynthSeq2SeqModel(config)
        self.head = build_lm_head(table_of(config), self.model.embeddings)
        self.finish()

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        return self.model.get_encoder()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: ModelOutput | tuple[object, ...] | None = None,
        past_key_values: SynthCache | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        num_items_in_batch: Tensor | int | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return logits, the loss where there are labels, and what the next call goes on from.

        Losses are averaged over labels that are not −100, or summed and divided by `num_items_in_batch`.
        """
        if decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        seen = self.model(
            input_ids,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            encoder_outputs,
            past_key_values,
            inputs_embeds,
            decoder_inputs_embeds,
            use_cache,
            return_dict=True,
            **others,
        )
        logits = self.head(seen.last_hidden_state)
        loss = None if labels is None else token_loss(logits, labels, num_items_in_batch)
        parts = {name: seen[name] for name in seen if name != "last_hidden_state"}
        return self.wrap_output(Seq2SeqLMOutput(loss=loss, logits=logits, **parts), return_dict)

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor | None) -> Tensor:
        """Return what the decoder reads to predict labels: the start token, then all but the last."""
        if labels is None:
            raise ValueError("give `decoder_input_ids`, `decoder_inputs_embeds` or `labels`")
        start = torch.full_like(labels[:, :1], self.config.decoder_start_token_id)
        read = torch.cat((start, labels[:, :-1]), dim=1)
        return read.masked_fill(read == IGNORED, self.config.pad_token_id)
