"""Checkpoints of the Synthesizer repository."""

from synthcli.importers.synthesizer.weight_map import import_synthesizer

__all__ = ["import_synthesizer"]
