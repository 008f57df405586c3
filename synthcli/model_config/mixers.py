"""Mixers: what moves information between positions. `synthcli.model.mixers` computes them."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from synthcli.config import Config
from synthcli.model_config.attention import AttentionConfig
from synthcli.model_config.recurrent import SRUConfig, SRUppConfig


class LinearConfig(Config):
    """It has nothing to choose."""

    kind: Literal["linear"] = "linear"

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width: nothing."""
        return []


class NoneConfig(Config):
    """It has nothing to choose."""

    kind: Literal["none"] = "none"

    def problems(self, d_model: int) -> list[str]:
        """Return what does not fit a model of this width: nothing."""
        return []


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
