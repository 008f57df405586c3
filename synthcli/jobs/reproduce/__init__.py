"""Results of papers reproduced: every task by every variant, in one table."""
