"""Checkpoints made ready for elsewhere: exported, described, pushed to the hub."""
