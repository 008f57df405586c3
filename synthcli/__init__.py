"""The place where the transformer-simplification papers still run."""

__version__ = "0.1.0"
