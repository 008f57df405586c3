"""Corpora of a user's own files: text, tables, json, parallel files, read as the corpus's name says."""
