"""The stack of an encoder without its head, for `AutoModel`."""

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import ModelOutput

from synthcli.exporters.hugging_face.remote.configuration_synth import SynthConfig
from synthcli.exporters.hugging_face.remote.keywords import PACKING, refuse_keywords, refuse_mask
from synthcli.exporters.hugging_face.remote.packing import Unpacked, layout_of
from synthcli.exporters.hugging_face.remote.padding import Turn
from synthcli.exporters.hugging_face.remote.pretrained import (
    SynthPreTrainedModel,
    table_of,
    vectors_of,
)
from synthcli.exporters.hugging_face.remote.stacks import Seen, refuse_maps, restore_rows, run_stack
from synthcli.model.context import Context
from synthcli.model.output_heads import pool_positions
from synthcli.model.stack import Stack
from synthcli.model.tasks import build_embeddings

Inputs = tuple[Tensor | None, ...]  # tokens, mask, types, positions and vectors


class SynthEncoderModel(SynthPreTrainedModel):
    """Hidden states of every position of an encoder, or of the decoder that a classifier reads by.

    Padding may stand on either side. `pooler_output` is the vector of a text that a classifier reads: the
    mean of its positions, the first or the last, through the pooler where there is one.
    """

    _keys_to_ignore_on_load_unexpected = [r"^(head|transform|classifier|qa_outputs)\."]  # noqa: RUF012

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        table = table_of(config)
        stack = table.encoder or table.decoder
        assert stack is not None
        self.embeddings = build_embeddings(table, stack.max_length)
        self.add_module(table.main_stack, Stack(table, stack))
        self.pooler = nn.Linear(table.d_model, table.d_model) if table.head.pooler else None
        self.main_stack, self.pool = table.main_stack, table.head.pool
        self.gradient_checkpointing = False
        self.finish()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **others: object,
    ) -> ModelOutput | tuple[object, ...]:
        """Return hidden states (batch, length, d_model) and the vector of each text.

        `position_ids` restart at 0 where the next text of a packed row begins; packed rows have no vector.
        """
        refuse_keywords(self, others, () if position_ids is None else PACKING)
        refuse_mask(attention_mask)
        vectors = vectors_of(self.embeddings.tokens, input_ids, inputs_embeds)
        if attention_mask is not None and attention_mask.shape != vectors.shape[:2]:
            shapes = f"{tuple(attention_mask.shape)}, but the tokens {tuple(vectors.shape[:2])}"
            raise ValueError(f"`attention_mask` is {shapes}: give 1 at each token and 0 at padding")
        layout = layout_of(attention_mask, position_ids, vectors.shape[1])
        maps = self.says("output_attentions", output_attentions)
        seen = self.run(layout, vectors, self.types_of(token_type_ids), maps)
        is_packed = isinstance(layout, Unpacked)
        vector = None if is_packed else self.pool_hidden(seen.hidden[-1], layout.padding)
        seen = restore_rows(layout, seen)
        every = self.says("output_hidden_states", output_hidden_states)
        output = BaseModelOutputWithPooling(
            last_hidden_state=seen.hidden[-1],
            pooler_output=vector,
            hidden_states=seen.hidden if every else None,
            attentions=seen.maps if maps else None,
        )
        return self.wrap_output(output, return_dict)

    def run(self, layout: Turn | Unpacked, vectors: Tensor, types: Tensor | None, maps: bool) -> Seen:
        """Return what positions see, the first real one of a row at 0."""
        stack = self.get_submodule(self.main_stack)
        assert isinstance(stack, Stack)
        if maps:
            refuse_maps(stack)
        types = None if types is None else layout.to_front(types)
        x = self.embeddings.add_positions(layout.to_front(vectors), token_types=types)
        context = Context(causal=self.main_stack == "decoder", key_padding=layout.padding)
        return run_stack(stack, x, context, checkpointing=self.checkpoint_function, maps=maps)[0]

    def types_of(self, types: Tensor | None) -> Tensor | None:
        """Return the types of words, or None in a model that has one alone: it takes zeros."""
        if types is None or self.embeddings.token_types is not None:
            return types
        if not torch.compiler.is_compiling() and bool(types.any()):
            raise ValueError("`token_type_ids` are not all 0, but words of this model have no types")
        return None

    def pool_hidden(self, hidden: Tensor, padding: Tensor | None) -> Tensor:
        vector = pool_positions(hidden, padding, self.pool)
        return vector if self.pooler is None else torch.tanh(self.pooler(vector))


class SynthEncoderHead(SynthPreTrainedModel):
    """What stands on an encoder; a subclass makes its head, and then calls `finish`."""

    def __init__(self, config: SynthConfig) -> None:
        super().__init__(config)
        self.model = SynthEncoderModel(config)

    def read(
        self,
        inputs: Inputs,
        output_attentions: bool | None,
        output_hidden_states: bool | None,
        others: dict[str, object],
    ) -> BaseModelOutputWithPooling:
        """Return what the encoder makes of tokens, mask, types, positions and vectors, in this order."""
        refuse_keywords(self, others, () if inputs[3] is None else PACKING)
        return self.model(*inputs, output_attentions, output_hidden_states, return_dict=True)


def vector_of(seen: BaseModelOutputWithPooling) -> Tensor:
    """Return the vector of each text, or raise where rows hold several texts."""
    if seen.pooler_output is None:
        raise ValueError(
            "`position_ids` pack several texts into a row, which has one label: give each text a row"
        )
    vector: Tensor = seen.pooler_output
    return vector
