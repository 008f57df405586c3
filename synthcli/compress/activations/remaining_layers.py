"""The rest of a model after one of its layers: from the stream there to its logits, or last hidden states."""

from collections.abc import Callable

from torch import Tensor, nn

from synthcli.compress.activations.hook_points import main_stack
from synthcli.errors import SynthError
from synthcli.model.context import Context
from synthcli.model.interface import get_config, get_stack

LayersAfter = Callable[[Tensor, Context], Tensor]


def layers_after(model: nn.Module, stack: str, layer: int) -> LayersAfter:
    """Return (stream after the layer, context) → logits, of every position, or of the sequence.

    Of an encoder without a head it ends in the last hidden states.
    """
    config = get_config(model)
    if config.task == "seq2seq" or stack != main_stack(config):
        message = f"the {stack} of a `{config.task}` model does not end in words"
        raise SynthError(message, "use `--criterion mse`, which looks at the block alone")
    its, head = get_stack(model, stack), model.get_submodule("head")

    def rest(stream: Tensor, context: Context) -> Tensor:
        for block in its.blocks[layer + 1 :]:
            stream, _ = block(stream, context, None, None)
        stream = its.norm(stream)
        if not config.has_head:
            return stream
        logits: Tensor = (
            head(stream, context.key_padding) if config.task == "classification" else head(stream)
        )
        return logits

    return rest
