"""A language model for `AutoModelForCausalLM`."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from transformers import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast

from synthcli.interop.export.hugging_face.remote.cache import SynthCache
from synthcli.interop.export.hugging_face.remote.pretrained import SynthPreTrainedModel
from synthcli.model.tasks import CausalLM


class SynthForCausalLM(SynthPreTrainedModel, GenerationMixin):
    """Logits of every next token; padding may stand on either side."""

    build = CausalLM
    _is_stateful = True  # what was seen cannot be taken back

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: SynthCache | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        return_dict: bool | None = None,
        **others: Any,
    ) -> Any:
        """Return logits, the loss where there are labels, and what the next call goes on from."""
        cache, window = past_key_values, self.config.window
        if cache is None:
            state = self.model.initial_state()
            cache = SynthCache.before(attention_mask, len(input_ids), input_ids.device, state)
        keeps = use_cache if use_cache is not None else self.config.use_cache and not self.training

        def run(rows: Tensor, tokens: Tensor, padding: Any, select: Tensor, state: Any) -> Any:
            return self.model(tokens, padding, select=select, state=state, window=window)

        length = input_ids.shape[1]
        kept = min(logits_to_keep or length, length)
        logits = cache.step(run, input_ids, attention_mask, kept, keeps or past_key_values is not None)
        loss = None if labels is None else next_token_loss(logits, labels)
        past: Any = cache if keeps else None
        output = CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=past)
        return output if return_dict is None or return_dict else output.to_tuple()

    def prepare_inputs_for_generation(  # type: ignore[override]
        self,
        input_ids: Tensor,
        past_key_values: SynthCache | None = None,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return what `forward` needs for the next step: of a row that has a past, what is new."""
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        return {
            "input_ids": input_ids[:, seen:],
            "past_key_values": past_key_values,
            "attention_mask": attention_mask,
            "use_cache": kwargs.get("use_cache"),
            "logits_to_keep": 1,
        }


def next_token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of each label by the logits before it; −100 counts for nothing."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
