"""Initial values of every parameter, in one place."""

from torch import nn

from synthcli.model.embeddings import Embeddings
from synthcli.model.feed_forward import FeedForward
from synthcli.model.heads import ClassifierHead, LanguageModelHead
from synthcli.model.mixers import Attention
from synthcli.model.mixers.mixing import Mixing
from synthcli.model.scores.base import ScoreFunction
from synthcli.model.scores.dense import HiddenLayer
from synthcli.model.stack import Stack

# Logits of a tied head have the standard deviation √d · std(E): with 0.3/√d the loss starts within
# 0.3²/2 of ln(vocabulary), and √d · E enters the stream at 0.3.
EMBEDDING_SCALE = 0.3


def initialise(model: nn.Module) -> None:
    """Draw every parameter anew.

    Linear maps are Glorot's; those that write into the stream are divided by √(number of writes), so that
    its variance does not grow with depth (Radford et al. 2019, section 2.3).
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, Embeddings):
            _initialise_embeddings(module)
        elif isinstance(module, LanguageModelHead):
            nn.init.normal_(module.weight, std=EMBEDDING_SCALE * module.weight.shape[1] ** -0.5)
        elif isinstance(module, ScoreFunction | HiddenLayer | Mixing):
            module.initialise_parameters()
    for module in model.modules():
        if isinstance(module, Stack):
            _scale_writes(module)
        elif isinstance(module, ClassifierHead):
            nn.init.zeros_(module.output.weight)  # the first loss is exactly ln(classes)


def _initialise_embeddings(module: Embeddings) -> None:
    d_model = module.d_model
    nn.init.normal_(module.tokens.weight, std=EMBEDDING_SCALE * d_model**-0.5)
    if module.positions is not None:
        scale = EMBEDDING_SCALE if module.config.scale else EMBEDDING_SCALE * d_model**-0.5
        nn.init.normal_(module.positions.weight, std=scale)


def _scale_writes(stack: Stack) -> None:
    writers = [module.output for module in stack.modules() if isinstance(module, Attention | FeedForward)]
    for writer in writers:
        writer.weight.data.mul_(len(writers) ** -0.5)
