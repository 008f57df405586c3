"""Checkpoints of the retrained and merged BERT blocks."""

from synthcli.importers.bert_blocks.weight_map import import_bert_blocks

__all__ = ["import_bert_blocks"]
