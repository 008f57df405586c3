"""Models from elsewhere: a folder a family, `read` its file, `weight_map` its weights."""
