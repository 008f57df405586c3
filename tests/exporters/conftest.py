"""The command line in this process, as the tests of commands have it."""

from tests.cli.conftest import here, synth

__all__ = ["here", "synth"]
