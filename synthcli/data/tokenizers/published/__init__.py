"""Folders of the transformers library's tokenizers: files and settings in, one description out.

`settings` reads what the files beside a vocabulary say, `options` refuses by name what is not honoured,
`pipelines` builds what reads text, `added` puts special and added tokens to it, `roles` says which are ours.
"""
