"""The classes of an exported folder: what transformers asks of a model, around a model of ours.

They are written into the folder together with what they reach of `synthcli.model`, and never imported here.
"""
