"""Arguments that this model does not take are refused by name, whatever passes them."""

import inspect
from collections.abc import Collection, Mapping
from difflib import get_close_matches

from torch import Tensor, nn

# what models of transformers take and these do not, and why
REASONS: dict[str, str] = {
    "cache_position": "positions go on from `past_key_values`",
    "cross_attn_head_mask": "heads cannot be masked",
    "cu_seq_lens_k": "texts packed into a row are told apart by `position_ids`",
    "cu_seq_lens_q": "texts packed into a row are told apart by `position_ids`",
    "decoder_head_mask": "heads cannot be masked",
    "decoder_inputs_embeds": "a decoder reads `decoder_input_ids`",
    "decoder_position_ids": "positions of a target count from 0",
    "encoder_attention_mask": "it reads no encoder",
    "encoder_hidden_states": "it reads no encoder",
    "head_mask": "heads cannot be masked",
    "max_length_k": "texts packed into a row are told apart by `position_ids`",
    "max_length_q": "texts packed into a row are told apart by `position_ids`",
    "past_key_values": "it reads a text at once, and goes on from nothing",
    "seq_idx": "texts packed into a row are told apart by `position_ids`",
    "token_type_ids": "its words have no types",
    "use_cache": "it reads a text at once, and keeps nothing",
}
# what `position_ids` say too
PACKING = ("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx")


def refuse_keywords(model: nn.Module, others: Mapping[str, object], told: Collection[str] = ()) -> None:
    """Raise for the first argument but those that were `told` otherwise; None and False ask for nothing."""
    for name, value in others.items():
        if name in told or (name in REASONS and (value is None or value is False)):
            continue
        kind = type(model).__name__
        if name in REASONS:
            raise ValueError(f"`{name}` is not for {kind}: {REASONS[name]}")
        close = get_close_matches(name, inspect.signature(type(model).forward).parameters, n=1)
        meant = f"; did you mean `{close[0]}`?" if close else ""
        raise TypeError(f"{kind} got an unknown argument `{name}`{meant}")


def refuse_mask(mask: Tensor | None, name: str = "attention_mask", length: int | None = None) -> None:
    """Raise for a mask that is not 1 at tokens and 0 at padding, of all `length` positions."""
    if mask is None:
        return
    if mask.dim() != 2:
        raise ValueError(
            f"`{name}` has {mask.dim()} axes; this model takes (batch, length), 1 at tokens and 0 at padding"
        )
    if length is not None and mask.shape[1] != length:
        raise ValueError(
            f"`{name}` has {mask.shape[1]} columns, but there are {length} positions with those of the cache"
        )
