"""Checkpoints of the simplified blocks."""

from synthcli.importers.simplified_blocks.weight_map import import_simplified_blocks

__all__ = ["import_simplified_blocks"]
