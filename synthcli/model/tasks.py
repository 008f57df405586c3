"""Whole models by task: embeddings, stacks and a head."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from synthcli.model.adaptive import AdaptiveEmbedding, AdaptiveHead, Pieces, Rows
from synthcli.model.context import Context
from synthcli.model.dropout import dropout
from synthcli.model.embeddings import Embeddings
from synthcli.model.output_heads import ClassifierHead, LanguageModelHead, Transform
from synthcli.model.stack import Stack, State
from synthcli.model_config.model import ModelConfig

Tokens = Int[Tensor, "batch length"]
Padding = Bool[Tensor, "batch length"]
Selected = Bool[Tensor, "batch length"] | Int[Tensor, " targets"]  # numbers are of flattened positions


class TaskModel(nn.Module):
    """A whole model, built as `TaskModel(config)`."""

    embeddings: Embeddings

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config


class LanguageModel(TaskModel):
    """A model whose head makes logits of the vocabulary."""

    head: AdaptiveHead | LanguageModelHead


class CausalLM(LanguageModel):
    """A decoder that predicts each next token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        assert config.decoder is not None
        self.config = config
        self.embeddings = build_embeddings(config, config.decoder.max_length)
        self.decoder = Stack(config, config.decoder)
        self.head = _head(config, self.embeddings)

    def forward(
        self,
        tokens: Tokens,
        padding: Padding | None = None,
        documents: Int[Tensor, "batch length"] | None = None,
        select: Selected | None = None,
        state: State | None = None,
        window: int | None = None,
        targets: Int[Tensor, " targets"] | None = None,
        clusters: tuple[Rows, Rows] | None = None,
    ) -> tuple[Tensor | Pieces, State | None]:
        """Return next-token logits and, where a state was given, the state after these tokens.

        `padding` covers every key: the positions of earlier calls too. `select` leaves only the logits of its
        positions. `window` limits how far back SRU++ looks. With `targets`, an adaptive softmax returns its
        pieces in place of logits. `clusters` are those of tokens and of targets, where they are known.
        """
        of_tokens, of_targets = (None, None) if clusters is None else clusters
        start = 0 if state is None else state.position
        context = Context(start, causal=True, key_padding=padding, documents=documents, window=window)
        hidden, state = self.decoder(self.embeddings(tokens, start, rows=of_tokens), context, state=state)
        return _logits(self, _select(hidden, select), targets, of_targets), state

    def initial_state(self) -> State:
        return self.decoder.initial_state()

    @property
    def edges(self) -> tuple[int, ...]:
        """Where clusters of words begin and the last one ends; empty where there is one."""
        tokens = self.embeddings.tokens
        return tokens.edges if isinstance(tokens, AdaptiveEmbedding) and len(tokens.edges) > 2 else ()


class MaskedLM(LanguageModel):
    """An encoder that predicts tokens hidden from it  (Devlin et al. 2019)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        assert config.encoder is not None
        self.config = config
        self.embeddings = build_embeddings(config, config.encoder.max_length)
        self.encoder = Stack(config, config.encoder)
        self.head = _head(config, self.embeddings)

    def forward(
        self,
        tokens: Tokens,
        padding: Padding | None = None,
        token_types: Tokens | None = None,
        documents: Int[Tensor, "batch length"] | None = None,
        select: Selected | None = None,
        targets: Int[Tensor, " targets"] | None = None,
    ) -> Tensor | Pieces:
        """Return logits of every position, or (selected, vocabulary) of those in `select` alone."""
        context = Context(key_padding=padding, documents=documents)
        hidden, _ = self.encoder(self.embeddings(tokens, token_types=token_types), context)
        return _logits(self, _select(hidden, select), targets)


class Seq2Seq(LanguageModel):
    """An encoder, and a decoder that reads it by cross-attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        assert config.encoder is not None and config.decoder is not None
        self.config = config
        self.source_embeddings = build_embeddings(config, config.encoder.max_length)
        self.embeddings = build_embeddings(config, config.decoder.max_length)
        if config.embeddings.tie == "all":
            self.source_embeddings.tokens = self.embeddings.tokens
        self.encoder = Stack(config, config.encoder)
        self.decoder = Stack(config, config.decoder, memory_length=config.encoder.max_length)
        self.head = _head(config, self.embeddings)

    def forward(
        self,
        source: Tokens,
        tokens: Tokens,
        source_padding: Padding | None = None,
        padding: Padding | None = None,
        select: Selected | None = None,
        targets: Int[Tensor, " targets"] | None = None,
    ) -> Tensor | Pieces:
        """Return the logits of every next target token."""
        memory = self.encode(source, source_padding)
        hidden, _ = self._read(tokens, memory, source_padding, padding, None)
        return _logits(self, _select(hidden, select), targets)

    def encode(
        self, source: Tokens, source_padding: Padding | None = None
    ) -> Float[Tensor, "batch source d_model"]:
        context = Context(key_padding=source_padding)
        hidden, _ = self.encoder(self.source_embeddings(source), context)
        return hidden

    def decode(
        self,
        tokens: Tokens,
        memory: Float[Tensor, "batch source d_model"] | None,
        memory_padding: Padding | None = None,
        padding: Padding | None = None,
        select: Selected | None = None,
        state: State | None = None,
    ) -> tuple[Tensor, State | None]:
        """Return next-token logits and, where a state was given, the state after these tokens.

        `memory` may be None once a state holds what cross-attention reads of it.
        """
        hidden, state = self._read(tokens, memory, memory_padding, padding, state)
        return _head_logits(self, _select(hidden, select)), state

    def _read(
        self,
        tokens: Tokens,
        memory: Tensor | None,
        memory_padding: Padding | None,
        padding: Padding | None,
        state: State | None,
    ) -> tuple[Tensor, State | None]:
        """Return the last hidden states of the decoder, and its state."""
        start = 0 if state is None else state.position
        context = Context(start, causal=True, key_padding=padding)
        cross = Context(start, key_padding=memory_padding, memory=memory)
        hidden, state = self.decoder(self.embeddings(tokens, start), context, cross, state)
        return hidden, state

    def initial_state(self) -> State:
        return self.decoder.initial_state()


class Classifier(TaskModel):
    """A stack and one decision for the whole sequence, or for a set of sequences to choose from.

    The stack is an encoder, or a language model's decoder, of which a position sees none after it.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        stack = config.encoder or config.decoder
        assert stack is not None
        self.config = config
        self.embeddings = build_embeddings(config, stack.max_length)
        self.add_module(config.main_stack, Stack(config, stack))
        self.head = ClassifierHead(config.d_model, config.num_outputs, config.head)

    def forward(
        self,
        tokens: Int[Tensor, "batch *choices length"],
        padding: Bool[Tensor, "batch *choices length"] | None = None,
        token_types: Int[Tensor, "batch *choices length"] | None = None,
    ) -> Float[Tensor, "batch classes"]:
        """Return logits of classes or choices; of a regression, its number as the only column."""
        is_choice = self.config.head.output == "choice"
        choices = tokens.shape[1] if is_choice else None
        if is_choice:
            tokens = tokens.flatten(0, 1)
            padding = None if padding is None else padding.flatten(0, 1)
            token_types = None if token_types is None else token_types.flatten(0, 1)
        stack = self.config.main_stack
        context = Context(causal=stack == "decoder", key_padding=padding)
        hidden, _ = self.get_submodule(stack)(self.embeddings(tokens, token_types=token_types), context)
        logits: Tensor = self.head(hidden, padding)
        return logits if choices is None else logits.view(-1, choices)


def build_embeddings(config: ModelConfig, max_length: int) -> Embeddings:
    """Build what turns tokens into the vectors that a stack of `max_length` reads."""
    width = config.embeddings.width(config.d_model)
    return Embeddings(
        config.embeddings, config.vocab_size, width, max_length, config.dropout, config.norm_eps
    )


def _head(config: ModelConfig, embeddings: Embeddings) -> AdaptiveHead | LanguageModelHead:
    is_tied, tokens = config.embeddings.tie != "none", embeddings.tokens
    if isinstance(tokens, AdaptiveEmbedding) and config.embeddings.has_adaptive_head:
        ties_projections = config.embeddings.tie_projections
        return AdaptiveHead(tokens, config.d_model, is_tied, ties_projections, config.head.bias)
    transform = None
    if config.head.transform:
        transform = Transform(config.d_model, config.activation, config.negative_slope, config.norm_eps)
    tied = tokens.weight if is_tied and isinstance(tokens, nn.Embedding) else None
    return LanguageModelHead(config.d_model, config.vocab_size, tied, config.head.bias, transform)


def _select(hidden: Tensor, select: Tensor | None) -> Tensor:
    """Return the hidden states of the selected positions, where some are."""
    if select is None:
        return hidden
    is_mask = select.dtype == torch.bool
    return hidden[select] if is_mask else hidden.flatten(0, -2).index_select(0, select)


def _logits(
    model: LanguageModel, hidden: Tensor, targets: Tensor | None, rows: Rows | None = None
) -> Tensor | Pieces:
    """Return logits; with targets, an adaptive head's pieces."""
    if targets is None or not isinstance(model.head, AdaptiveHead):
        return _head_logits(model, hidden)
    hidden = _drop_hidden(model, hidden)
    return model.head.pieces(hidden.flatten(0, -2), targets, rows)


def _head_logits(model: LanguageModel, hidden: Tensor) -> Tensor:
    return model.head(_drop_hidden(model, hidden))


def _drop_hidden(model: LanguageModel, hidden: Tensor) -> Tensor:
    return dropout(hidden, model.config.head.dropout) if model.training else hidden
