"""The α of SRU++ becomes a part of its values: y = LN(α softmax(S) V + z) = LN(softmax(S) (αV) + z)."""

from torch import nn

from synthcli.config import Config
from synthcli.exporters.folding.layers import Place, format_places, iterate_layers, set_layer_mixers
from synthcli.model import ModelConfig
from synthcli.model.mixers import SRUpp


def fold_attention_gain(config: ModelConfig, model: nn.Module) -> tuple[ModelConfig, list[str]]:
    """Scale the values of each layer that has attention."""
    mixers: dict[Place, Config] = {}
    for layer in iterate_layers(config, model):
        mixer = layer.block.mixer
        if not isinstance(mixer, SRUpp) or not mixer.config.attention_gain:
            continue
        if mixer.attention is not None and mixer.alpha is not None:
            value = mixer.attention.value
            assert isinstance(value, nn.Linear)
            value.weight.mul_(mixer.alpha)
        mixers[layer.place] = layer.config.model_copy(update={"attention_gain": False})
    if not mixers:
        return config, []
    return set_layer_mixers(config, mixers), [
        f"gains of attention are part of its values ({format_places(list(mixers))})"
    ]
