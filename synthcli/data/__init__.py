"""Text into batches.

corpora     names under which rows of text are read: built in, of a publisher, or a user's own files
fetch       publishers' files: downloaded, unpacked, packed for machines without network
tokenizers  text to ids and back
prepare     a corpus and a tokenizer into a store
store       what lies on disk: shards, manifest, and how they are read
quality     what the rows of a store are like
examples    what a model is shown of rows, and which of them make a step
"""
