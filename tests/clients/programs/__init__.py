"""One file a program; a function of a line tries one thing with one model, and raises where it is not so."""
