"""A bench of the programs that people load models with: ours on one side, transformers' own on the other."""
