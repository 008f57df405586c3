"""Tokenizers: text to ids and back, trained or loaded, saved beside what uses them."""
