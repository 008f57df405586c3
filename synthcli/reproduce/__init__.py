"""Claims of papers, and how a reproduction is held against them."""
