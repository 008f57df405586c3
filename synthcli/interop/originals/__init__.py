"""Checkpoints of the original repositories: their names and quirks, translated into ours."""

from synthcli.interop.originals.simplified_blocks import import_simplified_blocks
from synthcli.interop.originals.srupp import import_sru, import_srupp
from synthcli.interop.originals.synthesizer import import_synthesizer

__all__ = ["import_simplified_blocks", "import_sru", "import_srupp", "import_synthesizer"]
