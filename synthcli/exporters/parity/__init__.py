"""The other side of the parity report: opens a folder as anyone would, in a process that refuses the project.

These modules know the standard library, numpy, safetensors and the library that opens the folder. They are
copied out of the package and run there (`parity_report.py`), so imports between them are relative.
"""
