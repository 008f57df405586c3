"""The groups that the options of long commands stand in, in their help."""

MODEL = "Model"
TEXT = "Text"
TRAINING = "Training"
DRAWING = "Search and sampling"
SETTINGS = "Settings"
WORK = "Work"
RESULT = "Result"
