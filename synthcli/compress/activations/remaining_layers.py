"""The rest of a model after one of its layers: from the stream there to its logits, or last hidden states."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from synthcli.compress.activations.hook_points import main_stack
from synthcli.compress.teacher import config_of
from synthcli.errors import SynthError
from synthcli.model.context import Context

LayersAfter = Callable[[Tensor, Context], Tensor]


def layers_after(model: nn.Module, stack: str, layer: int) -> LayersAfter:
    """Return (stream after the layer, context) → logits, of every position, or of the sequence.

    Of an encoder without a head it ends in the last hidden states.
    """
    its: Any = model
    config = config_of(model)
    if config.task == "seq2seq" or stack != main_stack(config):
        message = f"the {stack} of a `{config.task}` model does not end in words"
        raise SynthError(message, "use `--criterion mse`, which looks at the block alone")
    blocks, norm, head = its.get_submodule(stack).blocks, its.get_submodule(stack).norm, its.head

    def rest(stream: Tensor, context: Context) -> Tensor:
        for block in blocks[layer + 1 :]:
            stream, _ = block(stream, context, None, None)
        stream = norm(stream)
        if not config.has_head:
            return stream
        logits: Tensor = (
            head(stream, context.key_padding) if config.task == "classification" else head(stream)
        )
        return logits

    return rest
