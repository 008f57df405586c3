"""Jobs: a verb carried out on experiments and runs, without a terminal."""
