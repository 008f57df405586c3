"""What becomes of the rows of a store: windows, streams, masked or corrupted text, and batches of them."""
