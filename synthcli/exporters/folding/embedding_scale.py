"""√d · E becomes the table itself, where no output reads the same table."""

from torch import nn

from synthcli.exporters.folding.layers import with_values
from synthcli.model import ModelConfig
from synthcli.model.adaptive import AdaptiveEmbedding
from synthcli.model.embeddings import Embeddings


def fold_embedding_scale(config: ModelConfig, model: nn.Module) -> tuple[ModelConfig, list[str]]:
    """Scale the tables, or the projections of narrow vectors."""
    is_classifier = config.task == "classification"  # its head is no table
    if not config.embeddings.scale or (config.embeddings.tie != "none" and not is_classifier):
        return config, []
    for module in model.modules():
        if isinstance(module, Embeddings):
            tokens = module.tokens
            for one in tokens.projections if isinstance(tokens, AdaptiveEmbedding) else [tokens]:
                one.weight.mul_(module.d_model**0.5)
    return with_values(config, embeddings={"scale": False}), ["the scale √d_model is part of the embeddings"]
