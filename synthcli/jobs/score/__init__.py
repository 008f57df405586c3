"""Outputs scored without a model: every protocol of a task, and who used it."""
