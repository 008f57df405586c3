"""Checkpoints of the original repositories: their names and quirks, translated into ours."""

from synthcli.interop.originals.synthesizer import import_synthesizer

__all__ = ["import_synthesizer"]
