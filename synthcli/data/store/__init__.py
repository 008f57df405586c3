"""A corpus as it lies on disk: shards of Arrow, the manifest that names every file, and how both are read."""
