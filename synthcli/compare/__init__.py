"""How a comparison is decided: pairs of figures, their spread over seeds and samples, verdicts by rule.

Pure functions of arrays; `jobs/compare/compare.py` trains and evaluates what is compared.
"""
