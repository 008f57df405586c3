"""An encoder and a decoder without their head, for `AutoModel`."""

from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqModelOutput
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.cache import SynthCache, cache_of
from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.keywords import refuse_keywords, refuse_mask
from synthcli.exporters.hugging_face.remote.lm_head import build_transform
from synthcli.exporters.hugging_face.remote.padding import Turn
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


class SynthEncoder(nn.Module):
    """The encoder of a model, which stays the owner of its parameters."""

    main_input_name = "input_ids"

    def __init__(self, model: "SynthSeq2SeqModel") -> None:
        super().__init__()
        self.owner = (model,)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return the hidden states that a decoder reads."""
        (model,) = self.owner
        refuse_keywords(self, others)
        vectors = vectors_of(model.source_embeddings.tokens, input_ids, inputs_embeds)
        refuse_mask(attention_mask, length=vectors.shape[1])
        maps = model.says("output_attentions", output_attentions)
        seen = model.encode_source(vectors, attention_mask, maps)
        every = model.says("output_hidden_states", output_hidden_states)
        output = BaseModelOutput(
            last_hidden_state=seen.hidden[-1],
            hidden_states=seen.hidden if every else None,
            attentions=seen.maps if maps else None,
        )
        return model.wrap_output(output, return_dict)


class SynthSeq2SeqModel(SynthPreTrainedModel):
    """Hidden states of every target position; padding of sources and targets may stand on either side."""

    _keys_to_ignore_on_load_unexpected = [r"^head\."]  # noqa: RUF012

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        table = table_of(config)
        assert table.encoder is not None and table.decoder is not None
        self.source_embeddings = build_embeddings(table, table.encoder.max_length)
        self.embeddings = build_embeddings(table, table.decoder.max_length)
        if table.embeddings.tie == "all":
            self.source_embeddings.tokens = self.embeddings.tokens
        self.encoder = Stack(table, table.encoder)
        self.decoder = Stack(table, table.decoder, memory_length=table.encoder.max_length)
        self.transform = build_transform(table)
        self.dropout = Dropout(table.head.dropout)
        self.gradient_checkpointing = False
        self.finish()

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        return SynthEncoder(self)

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
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return hidden states of the target, of the source, and what the next call goes on from."""
        refuse_keywords(self, others)
        maps = self.says("output_attentions", output_attentions)
        every = self.says("output_hidden_states", output_hidden_states)
        if encoder_outputs is None:
            encoder_outputs = self.get_encoder()(
                input_ids, attention_mask, inputs_embeds, every, maps, return_dict=True
            )
        memory = encoder_outputs[0]
        assert isinstance(memory, Tensor)
        refuse_mask(attention_mask, length=memory.shape[1])
        source = EncodedSource(memory, attention_mask)
        vectors = vectors_of(self.embeddings.tokens, decoder_input_ids, decoder_inputs_embeds)
        cache = cache_of(past_key_values)
        past = 0 if cache is None else cache.get_seq_length()
        refuse_mask(decoder_attention_mask, "decoder_attention_mask", past + vectors.shape[1])
        if cache is None and not self.keeps(use_cache):
            seen = self.at_once(vectors, decoder_attention_mask, source, maps)
        else:
            cache = cache or SynthCache.before(decoder_attention_mask, vectors, self.decoder.initial_state())

            def run(
                rows: Tensor, new: Tensor, padding: Tensor | None, state: State
            ) -> tuple[Seen, State | None]:
                return self.run_decoder(new, padding, source, rows, state, maps)

            seen = cache.step(run, vectors, decoder_attention_mask)
        output = Seq2SeqModelOutput(
            last_hidden_state=seen.hidden[-1],
            past_key_values=cache,  # type: ignore[arg-type]  # a cache of our own
            decoder_hidden_states=seen.hidden if every else None,
            decoder_attentions=seen.maps if maps else None,
            cross_attentions=source.restore_maps(seen.cross_maps) if maps else None,
            encoder_last_hidden_state=memory,
            encoder_hidden_states=getattr(encoder_outputs, "hidden_states", None),
            encoder_attentions=getattr(encoder_outputs, "attentions", None),
        )
        return self.wrap_output(output, return_dict)

    def encode_source(self, vectors: Tensor, mask: Tensor | None, maps: bool) -> Seen:
        """Return what source positions see, as they stand in the caller's rows."""
        if maps:
            refuse_maps(self.encoder)
        turn = Turn(mask)
        x = self.source_embeddings.add_positions(turn.to_front(vectors))
        context = Context(key_padding=turn.padding)
        seen, _ = run_stack(self.encoder, x, context, checkpointing=self.checkpoint_function, maps=maps)
        return restore_rows(turn, seen)

    def at_once(self, vectors: Tensor, mask: Tensor | None, source: "EncodedSource", maps: bool) -> Seen:
        """Return what all target positions see, as they stand in the caller's rows."""
        turn = Turn(mask)
        seen, _ = self.run_decoder(turn.to_front(vectors), turn.padding, source, slice(None), None, maps)
        return restore_rows(turn, seen)

    def run_decoder(
        self,
        vectors: Tensor,
        padding: Tensor | None,
        source: "EncodedSource",
        rows: Tensor | slice,
        state: State | None,
        maps: bool,
    ) -> tuple[Seen, State | None]:
        """Return what target positions of some rows see, the first real one at 0, and the state."""
        start = 0 if state is None else state.position
        memory = None if start else source.memory[rows]  # later a state holds what is read of it
        hides = None if source.padding is None else source.padding[rows]
        context, cross = (
            Context(start, causal=True, key_padding=padding),
            Context(start, key_padding=hides, memory=memory),
        )
        x = self.embeddings.add_positions(vectors, start)
        seen, state = run_stack(
            self.decoder, x, context, cross, state, checkpointing=self.checkpoint_function, maps=maps
        )
        hidden = self.dropout(seen.hidden[-1])
        hidden = hidden if self.transform is None else self.transform(hidden)
        return seen._replace(hidden=(*seen.hidden[:-1], hidden)), state


class EncodedSource:
    """What a decoder reads: the hidden states of a batch, each row's first real token at 0."""

    def __init__(self, hidden: Tensor, mask: Tensor | None) -> None:
        self.turn = Turn(mask)
        self.memory, self.padding = self.turn.to_front(hidden), self.turn.padding

    def restore_maps(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return maps (batch, heads, queries, keys) with the keys as they stand in the caller's rows."""
        return tuple(self.turn.back(x.transpose(1, 3)).transpose(1, 3) for x in maps)
