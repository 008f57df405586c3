"""What the classes that write have in common."""

from typing import Any

from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin

from synthcli.exporters.hugging_face.remote.cache import SynthCache
from synthcli.exporters.hugging_face.remote.lm_head import replace_head


class SynthGenerationMixin(GenerationMixin):
    """`generate` goes on with the state that a call returns; what was seen cannot be taken back."""

    _is_stateful = True
    head: nn.Module

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def _prepare_cache_for_generation(
        self, generation_config: GenerationConfig, *args: Any, **kwargs: Any
    ) -> Any:
        """Refuse a kind of cache by name: the state is the model's own."""
        kind = generation_config.cache_implementation
        if kind not in (None, "dynamic"):
            raise ValueError(
                f"`cache_implementation={kind!r}`: this model keeps a state of its own; leave it out"
            )
        prepare: Any = super()._prepare_cache_for_generation  # type: ignore[misc]  # of a mixin, not a model
        return prepare(generation_config, *args, **kwargs)

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.head = replace_head(self.head, new_embeddings)

    def prepare_inputs_for_generation(  # type: ignore[override]  # another kind of cache
        self,
        input_ids: Tensor,
        past_key_values: SynthCache | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, object]:
        """Return what `forward` needs for the next step; an empty cache of transformers' own is left out."""
        if past_key_values is not None and not past_key_values.get_seq_length():
            past_key_values = None
        prepare: Any = super().prepare_inputs_for_generation  # type: ignore[misc]  # the same
        found: dict[str, object] = prepare(
            input_ids, past_key_values=past_key_values, inputs_embeds=inputs_embeds, **kwargs
        )
        return found
