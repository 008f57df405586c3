"""Training: one loop, its schedules and optimizers, checkpoints and journal.

Nothing is imported here: `training.config` is read by presets, which must not import torch.
"""
