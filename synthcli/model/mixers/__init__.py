"""Mixers: what moves information between positions. Adding one is a file here and a line in `MIXERS`."""

from typing import Any

from synthcli.model.mixers.attention import Attention
from synthcli.model.mixers.base import Site
from synthcli.model.mixers.linear import Linear
from synthcli.model.mixers.none import NoMixer
from synthcli.model.mixers.sru import SRU
from synthcli.model.mixers.srupp import SRUpp

MIXERS: dict[str, Any] = {
    "attention": Attention,
    "sru": SRU,
    "srupp": SRUpp,
    "linear": Linear,
    "none": NoMixer,
}

__all__ = ["MIXERS", "SRU", "Attention", "Linear", "NoMixer", "SRUpp", "Site"]
