"""Distilling: a mixer of a teacher becomes another, from a closed form and by training on activations."""
