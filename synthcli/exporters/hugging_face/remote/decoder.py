"""The stack of a language model without its head, for `AutoModel`."""

from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.cache import SynthCache, cache_of
from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.keywords import PACKING, refuse_keywords, refuse_mask
from synthcli.exporters.hugging_face.remote.lm_head import build_transform
from synthcli.exporters.hugging_face.remote.packing import layout_of, refuse_positions
from synthcli.exporters.hugging_face.remote.pretrained import (
    SynthPreTrainedModel,
    table_of,
    vectors_of,
)
from synthcli.exporters.hugging_face.remote.stacks import Seen, refuse_maps, restore_rows, run_stack
from synthcli.model.context import Context
from synthcli.model.dropout import Dropout
from synthcli.model.stack import Stack, State
from synthcli.model.tasks import build_embeddings


class SynthDecoderModel(SynthPreTrainedModel):
    """Hidden states of every position; padding may stand on either side."""

    _keys_to_ignore_on_load_unexpected = [r"^head\."]  # noqa: RUF012

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        table = table_of(config)
        assert table.decoder is not None
        self.embeddings = build_embeddings(table, table.decoder.max_length)
        self.decoder = Stack(table, table.decoder)
        self.transform = build_transform(table)
        self.dropout = Dropout(table.head.dropout)
        self.gradient_checkpointing = False
        self.finish()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: SynthCache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return hidden states, and what the next call goes on from.

        `position_ids` restart at 0 where the next text of a packed row begins.
        """
        refuse_keywords(self, others, () if position_ids is None else PACKING)
        vectors = vectors_of(self.embeddings.tokens, input_ids, inputs_embeds)
        maps = self.says("output_attentions", output_attentions)
        every = self.says("output_hidden_states", output_hidden_states)
        cache = cache_of(past_key_values)
        past = 0 if cache is None else cache.get_seq_length()
        refuse_mask(attention_mask, length=past + vectors.shape[1])
        if cache is None and not self.keeps(use_cache):
            seen = self.at_once(vectors, attention_mask, position_ids, maps)
        else:
            cache = cache or SynthCache.before(attention_mask, vectors, self.decoder.initial_state())
            refuse_positions(position_ids, attention_mask, cache.starts, past, vectors.shape[1])

            def run(
                rows: Tensor, new: Tensor, padding: Tensor | None, state: State
            ) -> tuple[Seen, State | None]:
                return self.run(new, padding, state, maps)

            seen = cache.step(run, vectors, attention_mask)
        output = BaseModelOutputWithPast(
            last_hidden_state=seen.hidden[-1],
            past_key_values=cache,  # type: ignore[arg-type]  # a cache of our own
            hidden_states=seen.hidden if every else None,
            attentions=seen.maps if maps else None,
        )
        return self.wrap_output(output, return_dict)

    def at_once(self, vectors: Tensor, mask: Tensor | None, positions: Tensor | None, maps: bool) -> Seen:
        """Return what all positions see, as they stand in the caller's rows."""
        layout = layout_of(mask, positions, vectors.shape[1])
        seen, _ = self.run(layout.to_front(vectors), layout.padding, None, maps)
        return restore_rows(layout, seen)

    def run(
        self, vectors: Tensor, padding: Tensor | None, state: State | None, maps: bool
    ) -> tuple[Seen, State | None]:
        """Return what positions see, the first real one of a row at 0, and the state after them."""
        if maps:
            refuse_maps(self.decoder)
        start = 0 if state is None else state.position
        context = Context(start, causal=True, key_padding=padding, window=self.config.window)
        x = self.embeddings.add_positions(vectors, start)
        seen, state = run_stack(
            self.decoder, x, context, state=state, checkpointing=self.checkpoint_function, maps=maps
        )
        return seen._replace(hidden=(*seen.hidden[:-1], self.read(seen.hidden[-1]))), state

    def read(self, hidden: Tensor) -> Tensor:
        """Return what the head reads of the last hidden states."""
        hidden = self.dropout(hidden)
        return hidden if self.transform is None else self.transform(hidden)
