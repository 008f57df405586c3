"""Mixers: what moves information between positions. Adding one is a file here and a line in `MIXERS`."""

from synthcli.model.mixers.attention import Attention
from synthcli.model.mixers.base import Mixer, Site
from synthcli.model.mixers.convolution import DynamicConvolution, LightweightConvolution
from synthcli.model.mixers.linear import Linear
from synthcli.model.mixers.linformer import Linformer
from synthcli.model.mixers.none import NoMixer
from synthcli.model.mixers.sru import SRU
from synthcli.model.mixers.srupp import SRUpp
from synthcli.model.mixers.transformer_xl import TransformerXL

MIXERS: dict[str, type[Mixer]] = {
    "attention": Attention,
    "sru": SRU,
    "srupp": SRUpp,
    "transformer-xl": TransformerXL,
    "linformer": Linformer,
    "dynamic-convolution": DynamicConvolution,
    "lightweight-convolution": LightweightConvolution,
    "linear": Linear,
    "none": NoMixer,
}

__all__ = [
    "MIXERS",
    "SRU",
    "Attention",
    "DynamicConvolution",
    "LightweightConvolution",
    "Linear",
    "Linformer",
    "Mixer",
    "NoMixer",
    "SRUpp",
    "Site",
    "TransformerXL",
]
