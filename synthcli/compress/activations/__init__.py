"""Activations: where a model is read, recordings of a teacher on disk, and their moments."""
