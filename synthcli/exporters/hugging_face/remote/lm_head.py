"""The head of a language model: a linear map, tied to the table of words or not, or an adaptive softmax."""

from torch import nn

from synthcli.model.adaptive import AdaptiveEmbedding, AdaptiveHead
from synthcli.model.embeddings import Embeddings
from synthcli.model.output_heads import Transform
from synthcli.model_config.model import ModelConfig


def build_lm_head(table: ModelConfig, embeddings: Embeddings) -> nn.Module:
    """Return the map from hidden states to logits."""
    is_tied, tokens = table.embeddings.tie != "none", embeddings.tokens
    if isinstance(tokens, AdaptiveEmbedding) and table.embeddings.has_adaptive_head:
        ties_projections = table.embeddings.tie_projections
        return AdaptiveHead(tokens, table.d_model, is_tied, ties_projections, table.head.bias)
    head = nn.Linear(table.d_model, table.vocab_size, table.head.bias)
    if is_tied:
        assert isinstance(tokens, nn.Embedding)  # clusters have a head of their own
        head.weight = tokens.weight
    return head


def build_transform(table: ModelConfig) -> Transform | None:
    """Return the map that stands before a head that is not adaptive, if there is one."""
    if not table.head.transform or table.embeddings.has_adaptive_head:
        return None
    return Transform(table.d_model, table.activation, table.negative_slope, table.norm_eps)


def replace_head(head: nn.Module, new: nn.Module) -> nn.Module:
    """Return a new head, or raise where the words of the present one are in clusters."""
    if isinstance(head, AdaptiveHead) and new is not head:
        raise NotImplementedError(
            "the head of this model is adaptive, with clusters of words that end at "
            f"{head.edges[1:]}: it cannot be replaced"
        )
    return new
