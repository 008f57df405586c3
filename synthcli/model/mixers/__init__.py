"""Mixers: what moves information between positions. Adding one is a file here and a line in `MIXERS`."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from synthcli.model.mixers.attention import Attention, AttentionConfig
from synthcli.model.mixers.base import Site
from synthcli.model.mixers.linear import Linear, LinearConfig
from synthcli.model.mixers.none import NoMixer, NoneConfig
from synthcli.model.mixers.sru import SRU, SRUConfig
from synthcli.model.mixers.srupp import SRUpp, SRUppConfig

MIXERS: dict[str, Any] = {
    "attention": Attention,
    "sru": SRU,
    "srupp": SRUpp,
    "linear": Linear,
    "none": NoMixer,
}


def _kind(value: Any) -> str:
    """Attention is what a table without `kind` means."""
    return str(value.get("kind", "attention") if isinstance(value, dict) else getattr(value, "kind", ""))


MixerConfig = Annotated[
    Annotated[AttentionConfig, Tag("attention")]
    | Annotated[SRUConfig, Tag("sru")]
    | Annotated[SRUppConfig, Tag("srupp")]
    | Annotated[LinearConfig, Tag("linear")]
    | Annotated[NoneConfig, Tag("none")],
    Discriminator(_kind),
]

__all__ = [
    "MIXERS",
    "SRU",
    "Attention",
    "AttentionConfig",
    "Linear",
    "LinearConfig",
    "MixerConfig",
    "NoMixer",
    "NoneConfig",
    "SRUConfig",
    "SRUpp",
    "SRUppConfig",
    "Site",
]
