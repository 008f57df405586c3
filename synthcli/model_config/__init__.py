"""What a model is made of, as tables: `[model]` of a preset. Importing any of it imports no torch."""
