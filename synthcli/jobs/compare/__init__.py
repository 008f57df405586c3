"""Arms compared: trained with every seed, paired, decided by rule, and reported."""
