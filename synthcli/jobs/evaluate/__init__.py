"""Checkpoints evaluated: on which text, by which metrics, with what a reader should know."""
