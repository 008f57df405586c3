"""An encoder-decoder for `AutoModelForSeq2SeqLM`."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput

from synthcli.interop.export.hugging_face.remote.cache import SynthCache
from synthcli.interop.export.hugging_face.remote.padding import Turn, padding_of
from synthcli.interop.export.hugging_face.remote.pretrained import SynthPreTrainedModel
from synthcli.model.tasks import Seq2Seq

IGNORED = -100  # a label that counts for nothing


class SynthEncoder(nn.Module):
    """The encoder of a model, which stays the owner of its parameters."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.owner: tuple[Any, ...] = (model,)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any
    ) -> BaseModelOutput:
        turn = Turn(attention_mask)
        mask = None if attention_mask is None else turn.to_front(attention_mask)
        memory = self.owner[0].encode(turn.to_front(input_ids), padding_of(mask))
        return BaseModelOutput(last_hidden_state=turn.back(memory))


class SynthForSeq2SeqLM(SynthPreTrainedModel, GenerationMixin):
    """Logits of every next target token; padding of sources and targets may stand on either side."""

    build = Seq2Seq
    _is_stateful = True  # what was seen cannot be taken back

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        return SynthEncoder(self.model)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: SynthCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        return_dict: bool | None = None,
        **others: Any,
    ) -> Any:
        """Return logits, the loss where there are labels, and what the next call goes on from."""
        if encoder_outputs is None:
            encoder_outputs = self.get_encoder()(input_ids, attention_mask)
        if decoder_input_ids is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        hidden, turn = encoder_outputs[0], Turn(attention_mask)
        memory = turn.to_front(hidden)
        memory_padding = None if attention_mask is None else padding_of(turn.to_front(attention_mask))
        batch, length = decoder_input_ids.shape
        cache = past_key_values
        if cache is None:
            state = self.model.initial_state()
            cache = SynthCache.before(decoder_attention_mask, batch, hidden.device, state)
        keeps = use_cache if use_cache is not None else self.config.use_cache and not self.training

        def run(rows: Tensor, tokens: Tensor, padding: Any, select: Tensor, state: Any) -> Any:
            read = None if state is not None and state.position else memory[rows]
            hides = None if memory_padding is None else memory_padding[rows]
            return self.model.decode(tokens, read, hides, padding, select, state)

        has_state = keeps or past_key_values is not None
        logits = cache.step(run, decoder_input_ids, decoder_attention_mask, length, has_state)
        loss = None if labels is None else F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())
        past: Any = cache if keeps else None
        output = Seq2SeqLMOutput(
            loss=loss, logits=logits, past_key_values=past, encoder_last_hidden_state=hidden
        )
        return output if return_dict is None or return_dict else output.to_tuple()

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor | None) -> Tensor:
        """Return what the decoder reads to predict labels: the start token, then all but the last."""
        if labels is None:
            raise ValueError("give `decoder_input_ids` or `labels`")
        start = torch.full_like(labels[:, :1], self.config.decoder_start_token_id)
        read = torch.cat((start, labels[:, :-1]), dim=1)
        return read.masked_fill(read == IGNORED, self.config.pad_token_id)

    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        decoder_input_ids: Tensor,
        past_key_values: SynthCache | None = None,
        attention_mask: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return what `forward` needs for the next step: of a row that has a past, what is new."""
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        return {
            "decoder_input_ids": decoder_input_ids[:, seen:],
            "past_key_values": past_key_values,
            "attention_mask": attention_mask,
            "decoder_attention_mask": decoder_attention_mask,
            "encoder_outputs": encoder_outputs,
            "use_cache": kwargs.get("use_cache"),
        }
