"""Text into batches: corpora, tokenizers, stores, examples and their order."""
