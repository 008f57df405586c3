"""Mixers: what moves information between positions. Adding one is a file here and a line in `MIXERS`."""

from typing import Any

from synthcli.model.mixers.attention import Attention, AttentionConfig

MIXERS: dict[str, Any] = {
    "attention": Attention,
}

MixerConfig = AttentionConfig

__all__ = ["MIXERS", "Attention", "AttentionConfig", "MixerConfig"]
