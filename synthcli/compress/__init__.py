"""Compression: blocks of a trained model replaced by smaller ones, or merged, and what that costs."""
