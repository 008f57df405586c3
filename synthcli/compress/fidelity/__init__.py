"""Fidelity: how near a student is to its teacher, by its layers, its outputs and its choices."""
