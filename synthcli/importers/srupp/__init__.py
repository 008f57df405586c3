"""Checkpoints of the SRU repository: SRU and SRU++."""

from synthcli.importers.srupp.weight_map import import_sru, import_srupp

__all__ = ["import_sru", "import_srupp"]
