"""Comparisons over a ladder: each arm at several values of a field, with fits of loss over compute."""
