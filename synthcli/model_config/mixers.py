"""Mixers: what moves information between positions. `synthcli.model.mixers` computes them."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Discriminator, Tag

from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.convolution import DynamicConvolutionConfig, LightweightConvolutionConfig
from synthcli.model_config.linformer import LinformerConfig
from synthcli.model_config.mixer import MixerSettings
from synthcli.model_config.recurrent import SRUConfig, SRUppConfig
from synthcli.model_config.transformer_xl import TransformerXLConfig


class LinearConfig(MixerSettings):
    """It has nothing to choose."""

    kind: Literal["linear"] = "linear"
    carries: ClassVar[Literal["nothing"]] = "nothing"


class NoneConfig(MixerSettings):
    """It has nothing to choose."""

    kind: Literal["none"] = "none"
    carries: ClassVar[Literal["nothing"]] = "nothing"


def _kind(value: object) -> str:
    """Attention is what a table without `kind` means."""
    return str(value.get("kind", "attention") if isinstance(value, dict) else getattr(value, "kind", ""))


MixerConfig = Annotated[
    Annotated[AttentionConfig, Tag("attention")]
    | Annotated[SRUConfig, Tag("sru")]
    | Annotated[SRUppConfig, Tag("srupp")]
    | Annotated[TransformerXLConfig, Tag("transformer-xl")]
    | Annotated[LinformerConfig, Tag("linformer")]
    | Annotated[DynamicConvolutionConfig, Tag("dynamic-convolution")]
    | Annotated[LightweightConvolutionConfig, Tag("lightweight-convolution")]
    | Annotated[LinearConfig, Tag("linear")]
    | Annotated[NoneConfig, Tag("none")],
    Discriminator(_kind),
]

MIXER_SETTINGS: dict[str, type[MixerSettings]] = {
    settings.name(): settings for settings, _ in map(get_args, get_args(get_args(MixerConfig)[0]))
}
"""The settings of every mixer, by kind."""
