"""Claims of the papers as data, and the rule that gives each a verdict."""
