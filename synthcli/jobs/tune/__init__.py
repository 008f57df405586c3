"""Arms tuned: the same points, trials and steps for each, and what that came to."""
