"""Probing: what every replacement costs in every layer, from formulas alone."""
