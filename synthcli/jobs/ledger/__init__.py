"""The ledger of claims: tested at a scale, measured, and given verdicts by rule."""
