"""What `gpu_check.py` does: builds, checks, times."""
