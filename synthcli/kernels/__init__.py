"""Native kernels: where their sources and libraries are, how they are built, how they are loaded."""
