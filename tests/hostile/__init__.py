"""Hostile inputs for every command: files that are not what they seem, values out of range, odd variables."""
