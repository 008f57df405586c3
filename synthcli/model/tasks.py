"""Whole models by task: embeddings, stacks and a head."""

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from synthcli.model.config import ModelConfig
from synthcli.model.context import Context
from synthcli.model.embeddings import Embeddings
from synthcli.model.heads import ClassifierHead, LanguageModelHead
from synthcli.model.stack import Stack, State

Tokens = Int[Tensor, "batch length"]
Padding = Bool[Tensor, "batch length"]


class CausalLM(nn.Module):
    """A decoder that predicts each next token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.decoder is not None
        self.config = config
        self.embeddings = _embeddings(config, config.decoder.max_length)
        self.decoder = Stack(config, config.decoder)
        self.head = _head(config, self.embeddings)

    def forward(
        self,
        tokens: Tokens,
        padding: Padding | None = None,
        documents: Int[Tensor, "batch length"] | None = None,
        select: Bool[Tensor, "batch length"] | None = None,
        state: State | None = None,
    ) -> tuple[Tensor, State | None]:
        """Return next-token logits and, where a state was given, the state after these tokens.

        `padding` covers every key: the positions of earlier calls too.
        """
        start = 0 if state is None else state.position
        context = Context(start, causal=True, key_padding=padding, documents=documents)
        hidden, state = self.decoder(self.embeddings(tokens, start), context, state=state)
        return self.head(hidden, select), state

    def initial_state(self) -> State:
        return self.decoder.initial_state()


class Seq2Seq(nn.Module):
    """An encoder, and a decoder that reads it by cross-attention."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.encoder is not None and config.decoder is not None
        self.config = config
        self.source_embeddings = _embeddings(config, config.encoder.max_length)
        self.embeddings = _embeddings(config, config.decoder.max_length)
        if config.embeddings.tie == "all":
            self.source_embeddings.tokens.weight = self.embeddings.tokens.weight
        self.encoder = Stack(config, config.encoder)
        self.decoder = Stack(config, config.decoder, memory_length=config.encoder.max_length)
        self.head = _head(config, self.embeddings)

    def forward(
        self,
        source: Tokens,
        tokens: Tokens,
        source_padding: Padding | None = None,
        padding: Padding | None = None,
        select: Bool[Tensor, "batch length"] | None = None,
    ) -> Tensor:
        """Return the logits of every next target token."""
        memory = self.encode(source, source_padding)
        logits, _ = self.decode(tokens, memory, source_padding, padding, select)
        return logits

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
        select: Bool[Tensor, "batch length"] | None = None,
        state: State | None = None,
    ) -> tuple[Tensor, State | None]:
        """Return next-token logits and, where a state was given, the state after these tokens.

        `memory` may be None once a state holds what cross-attention reads of it.
        """
        start = 0 if state is None else state.position
        context = Context(start, causal=True, key_padding=padding)
        cross = Context(start, key_padding=memory_padding, memory=memory)
        hidden, state = self.decoder(self.embeddings(tokens, start), context, cross, state)
        return self.head(hidden, select), state

    def initial_state(self) -> State:
        return self.decoder.initial_state()


class Classifier(nn.Module):
    """An encoder and one decision for the whole sequence."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.encoder is not None and config.num_classes is not None
        self.config = config
        self.embeddings = _embeddings(config, config.encoder.max_length)
        self.encoder = Stack(config, config.encoder)
        self.head = ClassifierHead(config.d_model, config.num_classes, config.head.pool)

    def forward(self, tokens: Tokens, padding: Padding | None = None) -> Float[Tensor, "batch classes"]:
        hidden, _ = self.encoder(self.embeddings(tokens), Context(key_padding=padding))
        logits: Tensor = self.head(hidden, padding)
        return logits


def _embeddings(config: ModelConfig, max_length: int) -> Embeddings:
    return Embeddings(config.embeddings, config.vocab_size, config.d_model, max_length, config.dropout)


def _head(config: ModelConfig, embeddings: Embeddings) -> LanguageModelHead:
    tied = None if config.embeddings.tie == "none" else embeddings.tokens.weight
    return LanguageModelHead(config.d_model, config.vocab_size, tied)
