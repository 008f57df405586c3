"""Evaluation: metrics as pure functions, decoding, intervals."""
